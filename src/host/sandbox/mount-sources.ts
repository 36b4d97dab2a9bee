/** Opens what a plan binds, so that it is mounted, and not what has come to be at its path since. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync } from 'node:fs'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import { errorCode } from '../../base/os-error-text.ts'
import { nativePath } from '../fs/native-path.ts'
import { MAX_HELD_SOURCES } from '../limits.ts'

/** Linux's O_PATH: a location, without read access. */
export const O_PATH = 0o10000000

/** Something is not, or no longer, where the plan has it: plan again. */
export class MountsChangedError extends Error {
  constructor(path?: string) {
    const what = path === undefined ? 'a mount point' : `what is at ${path}`
    super(`${what} was replaced while the sandbox was being set up`)
  }
}

/** The open sources of a plan. */
export type MountSources = {
  /** By path. */
  descriptors: ReadonlyMap<string, number>
  /** A source whose path leads elsewhere when seen through `root`, a /proc/PID/root. Undefined if there is none. */
  changedUnder(root: string): string | undefined
  close(): void
}

/**
 * Opens the sources. Those above the limit, and those that this user may not reach, are left out.
 * @throws {MountsChangedError} for a path that is missing, or has become or crosses a symbolic link
 */
export function openSources({ mounts }: MountPlan): MountSources {
  const descriptors = new Map<string, number>()
  const close = (): void => {
    for (const fd of descriptors.values()) closeSync(fd)
    descriptors.clear()
  }
  try {
    for (const { kind, path } of mounts) {
      if (kind !== 'bind' || descriptors.size >= MAX_HELD_SOURCES) continue
      const fd = openPlain(path)
      if (fd !== undefined) descriptors.set(path, fd)
    }
  } catch (error) {
    close()
    throw error
  }
  return { descriptors, changedUnder: (root) => findChanged(descriptors, root), close }
}

/**
 * Opens a path without links (O_PATH). Undefined if this user may not reach it.
 * @throws {MountsChangedError} as {@link openSources}
 */
export function openPlain(path: string): number | undefined {
  let fd: number
  try {
    fd = openSync(nativePath(path), O_PATH | constants.O_NOFOLLOW)
  } catch (error) {
    if (errorCode(error) === 'EACCES') return undefined
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? '')) throw new MountsChangedError(path)
    throw error
  }
  try {
    // The kernel's own name for what was opened: another one if a link was on the way.
    const real = decodeName(readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }))
    if (real !== path || fstatSync(fd).isSymbolicLink()) throw new MountsChangedError(path)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function findChanged(descriptors: ReadonlyMap<string, number>, root: string): string | undefined {
  for (const [path, fd] of descriptors) {
    const held = fstatSync(fd, { bigint: true })
    try {
      const seen = lstatSync(nativePath(`${root}${path}`), { bigint: true })
      if (seen.dev !== held.dev || seen.ino !== held.ino) return path
    } catch {
      return path
    }
  }
  return undefined
}
