/** Implements fs/walk: lists a tree breadth-first. */
import type { BigIntStats } from 'node:fs'
import { lstat, stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import type { WalkOptions, WalkResult } from '../../protocol/schemas/fs.ts'
import { pathToUri } from '../../protocol/schemas/path-uri.ts'
import { listDirectory, nameOf } from './list-directory.ts'
import type { EntryType, Listed } from './list-directory.ts'
import { nativePath } from './native-path.ts'
import { sortInTurns } from './sort-in-turns.ts'
import { LISTED_AT_ONCE } from '../limits.ts'
import { fileError } from '../os-error.ts'

/**
 * Lists the tree below `root`, each directory's names in byte order.
 * - Every name counts towards `maxEntries`, listed or not, except dangling links; every opened directory counts towards
 * `maxDirectories`, the root included.
 * - Nothing below `maxDepth` is read; that does not count as truncation.
 * - When links to directories are followed, each directory is entered once, by the first path to it.
 * - With `pruneHiddenDirectories`, a directory or link whose name begins with a dot is listed but not entered. The root
 * always is.
 * - A root that is not a directory, or is a link that is not to be followed, has no entries.
 * - A directory that cannot be read is an entry of `errors`.
 * @throws an errno error if the root cannot be read
 */
export async function walk(
  root: string,
  { maxDepth, maxDirectories, maxEntries, followDirectorySymlinks, pruneHiddenDirectories = false }: WalkOptions,
  hiddenIn: (directory: string) => Promise<ReadonlySet<string>>,
): Promise<WalkResult> {
  const result: WalkResult = { entries: [], errors: [], truncated: false }
  const top = await stat(nativePath(root))
  const isLink = (await lstat(nativePath(root))).isSymbolicLink()
  if (!top.isDirectory() || (isLink && !followDirectorySymlinks)) return result
  const seen = new Set<string>()
  const queue = [{ path: root, depth: 0 }]
  let [looked, opened] = [0, 0]
  for (const { path, depth } of queue) {
    if (followDirectorySymlinks && !(await isNew(path, seen))) continue
    if (opened++ === maxDirectories) return { ...result, truncated: true }
    let names: Listed[]
    let hidden: ReadonlySet<string>
    try {
      names = await sortInTurns(await listDirectory(path), (a, b) => (a.bytes < b.bytes ? -1 : 1))
      hidden = await hiddenIn(path)
    } catch (error) {
      result.errors.push({ path: pathToUri(path), message: fileError(error).message })
      continue
    }
    const below = path === '/' ? '/' : `${path}/`
    for (const entry of names) {
      const name = nameOf(entry)
      if (hidden.has(name)) continue
      const at = `${below}${name}`
      const { type } = entry
      const kind = type === 'link' || type === 'unknown' ? await kindAt(type, at) : type
      if (kind === 'nothing') continue
      if (looked++ === maxEntries) return { ...result, truncated: true }
      if (looked % LISTED_AT_ONCE === 0) await setImmediate()
      const isListed =
        kind === 'file' || kind === 'directory' || (kind === 'link to a directory' && followDirectorySymlinks)
      if (!isListed) continue
      result.entries.push({ path: pathToUri(at), kind: kind === 'file' ? 'file' : 'directory' })
      const isPruned = pruneHiddenDirectories && name.startsWith('.')
      if (kind !== 'file' && depth < maxDepth && !isPruned) queue.push({ path: at, depth: depth + 1 })
    }
  }
  return result
}

/** `nothing` is a dangling link; `other` is a pipe, socket, device, or link to a file. */
type Kind = 'file' | 'directory' | 'link to a directory' | 'other' | 'nothing'

async function kindAt(type: EntryType, path: string): Promise<Kind> {
  try {
    const target = await stat(nativePath(path))
    // Some file systems give no type with the names.
    const isLink = type === 'link' || (await lstat(nativePath(path))).isSymbolicLink()
    if (isLink) return target.isDirectory() ? 'link to a directory' : 'other'
    return target.isFile() ? 'file' : target.isDirectory() ? 'directory' : 'other'
  } catch {
    return 'nothing'
  }
}

/**
 * Whether the directory is visited for the first time. One that cannot be examined counts as new: opening it then
 * fails.
 */
async function isNew(path: string, seen: Set<string>): Promise<boolean> {
  let info: BigIntStats
  try {
    info = await stat(nativePath(path), { bigint: true })
  } catch {
    return true
  }
  const key = `${info.dev}:${info.ino}`
  if (seen.has(key)) return false
  seen.add(key)
  return true
}
