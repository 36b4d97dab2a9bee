/** fs/walk: what is below a directory, level by level. */
import type { BigIntStats, Dirent } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import type { WalkOptions, WalkResult } from '../protocol/fs.ts'
import { decodeName, pathToUri } from '../protocol/path-uri.ts'
import { nativePath } from './native-path.ts'
import { errorCode, osErrorText } from './os-error.ts'

type Kind = 'file' | 'directory'

/**
 * Names are in the order of their bytes. Every name that is looked at counts for `maxEntries`, listed or not; every
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
  const top = await stat(nativePath(root), { bigint: true })
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
      names = (await readdir(nativePath(path), { withFileTypes: true, encoding: 'buffer' })).sort((a, b) => Buffer.compare(a.name, b.name))
      hidden = await hiddenIn(path)
    } catch (error) {
      result.errors.push({ path: pathToUri(path), message: describe(error) })
      continue
    }
    const below = path === '/' ? '/' : `${path}/`
    for (const entry of names) {
      const name = decodeName(entry.name)
      if (hidden.has(name)) continue
      if (looked++ === maxEntries) return { ...result, truncated: true }
      const at = `${below}${name}`
      let kind: Kind | undefined
      try {
        kind = await kindOf(entry, at, followDirectorySymlinks)
      } catch (error) {
        result.errors.push({ path: pathToUri(at), message: describe(error) })
      }
      if (kind === undefined) continue
      result.entries.push({ path: pathToUri(at), kind })
      if (kind === 'directory' && depth < maxDepth) queue.push({ path: at, depth: depth + 1 })
    }
  }
  return result
}

/** Undefined for what is not listed: links, unless they lead to directories that are to be entered; pipes, sockets, devices. */
async function kindOf(entry: Dirent<Buffer>, path: string, followLinks: boolean): Promise<Kind | undefined> {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'directory'
  if (entry.isSymbolicLink()) return followLinks && (await leadsToDirectory(path)) ? 'directory' : undefined
  if (entry.isFIFO() || entry.isSocket() || entry.isCharacterDevice() || entry.isBlockDevice()) return undefined
  // Some file systems tell no kinds.
  const info = await lstat(nativePath(path))
  return info.isFile() ? 'file' : info.isDirectory() ? 'directory' : undefined
}

/** Nor does one that leads nowhere. */
async function leadsToDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(nativePath(path))).isDirectory()
  } catch {
    return false
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

function describe(error: unknown): string {
  const code = errorCode(error)
  return code === undefined ? String(error) : osErrorText(code)
}
