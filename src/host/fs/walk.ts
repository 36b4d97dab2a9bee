/** fs/walk: what is below a directory, level by level. */
import type { BigIntStats, Dirent } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import type { WalkOptions, WalkResult } from '../../protocol/schemas/fs.ts'
import { decodeName, pathToUri } from '../../protocol/schemas/path-uri.ts'
import { nativePath } from './native-path.ts'
import { fileError } from '../os-error.ts'

/**
 * Names are in the order of their bytes. Every name counts for `maxEntries`, listed or not, but links that lead nowhere; every
 * directory that is opened, the root too, for `maxDirectories`. Below `maxDepth` nothing is looked for, and that is
 * no truncation. With links to directories followed, each directory is entered once, by the first way to it.
 * A root that is no directory, or a link to one that is not to be followed, has nothing below it.
 */
export async function walk(
  root: string,
  { maxDepth, maxDirectories, maxEntries, followDirectorySymlinks }: WalkOptions,
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
    let names: Dirent<Buffer>[]
    let hidden: ReadonlySet<string>
    try {
      names = (await readdir(nativePath(path), { withFileTypes: true, encoding: 'buffer' })).sort((a, b) =>
        Buffer.compare(a.name, b.name),
      )
      hidden = await hiddenIn(path)
    } catch (error) {
      result.errors.push({ path: pathToUri(path), message: fileError(error).message })
      continue
    }
    const below = path === '/' ? '/' : `${path}/`
    for (const entry of names) {
      const name = decodeName(entry.name)
      if (hidden.has(name)) continue
      const at = `${below}${name}`
      const kind = await kindOf(entry, at)
      if (kind === 'nothing') continue
      if (looked++ === maxEntries) return { ...result, truncated: true }
      const isListed =
        kind === 'file' || kind === 'directory' || (kind === 'link to a directory' && followDirectorySymlinks)
      if (!isListed) continue
      result.entries.push({ path: pathToUri(at), kind: kind === 'file' ? 'file' : 'directory' })
      if (kind !== 'file' && depth < maxDepth) queue.push({ path: at, depth: depth + 1 })
    }
  }
  return result
}

/** `nothing` is a link that leads nowhere; `other` are pipes, sockets, devices, and links to files. */
type Kind = 'file' | 'directory' | 'link to a directory' | 'other' | 'nothing'

async function kindOf(entry: Dirent<Buffer>, path: string): Promise<Kind> {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'directory'
  if (entry.isFIFO() || entry.isSocket() || entry.isCharacterDevice() || entry.isBlockDevice()) return 'other'
  try {
    const target = await stat(nativePath(path))
    // Some file systems tell no kinds with the names.
    const own = entry.isSymbolicLink() ? entry : await lstat(nativePath(path))
    if (own.isSymbolicLink()) return target.isDirectory() ? 'link to a directory' : 'other'
    return target.isFile() ? 'file' : target.isDirectory() ? 'directory' : 'other'
  } catch {
    return 'nothing'
  }
}

/** Whether the directory was not entered by another way yet. One that cannot be looked at is opened, and fails there. */
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
