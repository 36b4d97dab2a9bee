/** The file system as seen by the mount planner, and the files that deny globs match. */
import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { invalidParams } from '../../protocol/wire/errors.ts'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import type { Glob } from '../../sandbox/policy/glob.ts'
import { join } from '../../sandbox/policy/policy.ts'
import type { Disk } from '../../sandbox/policy/symlink-resolver.ts'
import { nativePath } from '../fs/native-path.ts'
import { errorCode } from '../../base/os-error-text.ts'
import {
  ENTRY_STEPS,
  GLOB_SLICE_STEPS,
  MAX_GIT_POINTER_BYTES,
  MAX_GLOB_ENTRIES,
  MAX_GLOB_MATCHES,
  MAX_GLOB_STEPS,
} from '../limits.ts'

/**
 * Returns the planner's view of the file system. `isOurs`: whether a path, with what lstat returned for it, is only a
 * mount point made by a server, which counts as missing.
 */
export function sandboxDisk(isOurs: (path: string, info: Stats) => boolean): Disk {
  return {
    kind: (path) => {
      try {
        const info = lstatSync(nativePath(path))
        if (isOurs(path, info)) return 'missing'
        return info.isDirectory() ? 'directory' : info.isSymbolicLink() ? 'link' : 'other'
      } catch (error) {
        return errorCode(error) === 'ENOENT' ? 'missing' : 'unreachable'
      }
    },
    linkText: (path) => decodeName(readlinkSync(nativePath(path), { encoding: 'buffer' })),
    gitDirectory: (path) => {
      try {
        if (lstatSync(nativePath(path)).size > MAX_GIT_POINTER_BYTES) return undefined
        return /^gitdir:[ \t]*(.+?)[\r\n]*$/.exec(readFileSync(nativePath(path), 'utf8'))?.[1]
      } catch {
        return undefined
      }
    },
  }
}

/**
 * The real paths of the files that the globs match now, with symbolic links resolved.
 * @throws RpcError (invalid params) if a glob starts at the root or exceeds the limits
 */
export async function matchedFiles(globs: readonly Glob[], maxDepth: number | undefined): Promise<string[]> {
  const matches = new Set<string>()
  let entriesLeft = MAX_GLOB_ENTRIES
  const meter = { steps: 0 }
  let sliceEnd = GLOB_SLICE_STEPS
  for (const { directory, matches: isMatch } of globs) {
    if (directory === '/') throw invalidParams('a deny glob that begins at the root directory cannot be enforced')
    const todo: { path: string; level: number }[] = [{ path: directory, level: 1 }]
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const { path, level } = next
      for (const entry of await list(path)) {
        meter.steps += ENTRY_STEPS
        if (--entriesLeft < 0 || meter.steps > MAX_GLOB_STEPS)
          throw invalidParams('a deny glob has too many files to look through')
        if (meter.steps > sliceEnd) {
          await setImmediate()
          sliceEnd = meter.steps + GLOB_SLICE_STEPS
        }
        const here = join(path, decodeName(entry.name))
        if (entry.isDirectory()) {
          if (maxDepth === undefined || level < maxDepth) todo.push({ path: here, level: level + 1 })
        } else if (isMatch(here, meter)) {
          const real = await realpath(nativePath(here), { encoding: 'buffer' }).catch(() => undefined)
          if (real !== undefined) matches.add(decodeName(real))
          if (matches.size > MAX_GLOB_MATCHES) throw invalidParams('a deny glob matches too many files')
        }
      }
    }
  }
  return [...matches]
}

async function list(directory: string) {
  try {
    return await readdir(nativePath(directory), { withFileTypes: true, encoding: 'buffer' })
  } catch (error) {
    // A missing directory has no match; one that this user may not list is closed to the sandboxed process, too.
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(errorCode(error) ?? '')) return []
    throw error
  }
}
