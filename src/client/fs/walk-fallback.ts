/** Emulates fs/walk on servers without it (up to 0.140), with the same entries in the same order. */
import type { WalkOptions } from '../../protocol/schemas/fs.ts'
import { ErrorCode, messageOf, RpcError } from '../base/errors.ts'
import type { FileOptions, RemoteFiles, WalkedEntry, WalkOutcome } from '../base/types.ts'

/** Concurrent getMetadata calls: half of the call limit. */
const CONCURRENT_CALLS = 64

type Kind = WalkedEntry['kind'] | 'other'

/**
 * Walks `root`, an absolute path. Reads directories one by one, and the metadata of their entries concurrently. Names
 * that are not UTF-8 cannot be addressed and are reported as errors. Cycles of links end at the limits.
 */
export async function walkFallback(
  files: Pick<RemoteFiles, 'getMetadata' | 'readDirectory'>,
  root: string,
  { maxDepth, maxDirectories, maxEntries, followDirectorySymlinks }: WalkOptions,
  options: FileOptions,
): Promise<WalkOutcome> {
  const result: WalkOutcome = { entries: [], errors: [], truncated: false }
  const top = await files.getMetadata(root, options)
  if (!top.isDirectory || (top.isSymlink && !followDirectorySymlinks)) return result
  const queue = [{ path: root, depth: 0 }]
  let [visited, opened] = [0, 0]
  for (const { path, depth } of queue) {
    if (opened++ === maxDirectories) return { ...result, truncated: true }
    const names = await files.readDirectory(path, options).then(
      (entries) => entries.map(({ fileName }) => fileName).sort(byCodePoints),
      (error: unknown) => void result.errors.push({ path, message: refusalText(error) }),
    )
    if (names === undefined) continue
    const isCut = names.length > maxEntries - visited
    const below = path === '/' ? '/' : `${path}/`
    const paths = names.slice(0, maxEntries - visited).map((name) => below + name)
    visited += paths.length
    for (let from = 0; from < paths.length; from += CONCURRENT_CALLS) {
      const some = paths.slice(from, from + CONCURRENT_CALLS)
      const kinds = await Promise.all(some.map((each) => kindOf(files, each, followDirectorySymlinks, options)))
      for (const [index, kind] of kinds.entries()) {
        const at = some[index] as string
        if (typeof kind === 'object') result.errors.push({ path: at, message: kind.message })
        else if (kind !== 'other') result.entries.push({ path: at, kind })
        if (kind === 'directory' && depth < maxDepth) queue.push({ path: at, depth: depth + 1 })
      }
    }
    if (isCut) return { ...result, truncated: true }
  }
  return result
}

async function kindOf(
  files: Pick<RemoteFiles, 'getMetadata'>,
  path: string,
  followDirectorySymlinks: boolean,
  options: FileOptions,
): Promise<Kind | { message: string }> {
  try {
    const { isDirectory, isFile, isSymlink } = await files.getMetadata(path, options)
    if (isSymlink) return isDirectory && followDirectorySymlinks ? 'directory' : 'other'
    return isDirectory ? 'directory' : isFile ? 'file' : 'other'
  } catch (error) {
    return { message: refusalText(error) }
  }
}

/** The server's error for one path; rethrows any other error, which ends the walk. */
function refusalText(error: unknown): string {
  if (error instanceof RpcError && error.code !== ErrorCode.Overloaded) return messageOf(error)
  throw error
}

/** The order of their UTF-8 bytes. */
function byCodePoints(a: string, b: string): number {
  for (let at = 0; ; at++) {
    const [one, other] = [a.codePointAt(at), b.codePointAt(at)]
    if (one === undefined || other === undefined) return Number(one !== undefined) - Number(other !== undefined)
    if (one !== other) return one - other
  }
}
