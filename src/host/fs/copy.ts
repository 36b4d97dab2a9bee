/** Implements fs/copy. */
import { constants, createReadStream, createWriteStream } from 'node:fs'
import type { Stats } from 'node:fs'
import { chmod, copyFile, lstat, open, readdir, readlink, realpath, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { invalidRequest } from '../../protocol/wire/errors.ts'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import { makeDirectories } from './directories.ts'
import type { Guard } from './protected-paths.ts'
import { nativePath } from './native-path.ts'
import { errorCode } from '../../base/os-error-text.ts'

/**
 * Copies a file, a symbolic link (not its target), or with `recursive` a directory.
 * @throws RpcError (invalid request) for other kinds, a copy onto itself or into a descendant; else an errno error
 */
export async function copyPath(
  source: string,
  destination: string,
  { recursive }: { recursive: boolean },
  guard: Guard,
): Promise<void> {
  const info = await lstat(nativePath(source))
  if (info.isDirectory()) {
    if (!recursive) throw invalidRequest('copying a directory requires recursive: true')
    await refuseDescendant(source, destination)
    return copyDirectory(source, destination, guard)
  }
  if (info.isSymbolicLink()) return copyLink(source, destination, guard)
  if (!info.isFile()) throw invalidRequest('only regular files, directories and symbolic links can be copied')
  return copyRegularFile(source, info, destination, guard)
}

/** Copies a directory's contents, merging into an existing one. Skips what is neither file, directory nor link. */
async function copyDirectory(source: string, destination: string, guard: Guard): Promise<void> {
  await makeDirectories(destination, true, guard)
  for (const entry of await readdir(nativePath(source), { withFileTypes: true, encoding: 'buffer' })) {
    const name = decodeName(entry.name)
    const [from, to] = [join(source, name), join(destination, name)]
    if (entry.isDirectory()) await copyDirectory(from, to, guard)
    else if (entry.isSymbolicLink()) await copyLink(from, to, guard)
    else if (entry.isFile()) await copyRegularFile(from, await stat(nativePath(from)), to, guard)
  }
}

/** Copies the link's text. An identical existing link is left as it is. */
async function copyLink(source: string, destination: string, guard: Guard): Promise<void> {
  const text = Buffer.from(await readlink(nativePath(source), { encoding: 'buffer' }))
  try {
    await guard.create(destination, (place) => symlink(text, place))
  } catch (error) {
    const existing = await readlink(nativePath(destination), { encoding: 'buffer' }).catch(() => undefined)
    if (errorCode(error) !== 'EEXIST' || existing === undefined || !text.equals(existing)) throw error
  }
}

/** Copies contents and mode bits, those for set-user-ID and set-group-ID where they may be set. Overwrites an existing destination, following a link there. */
async function copyRegularFile(source: string, info: Stats, destination: string, guard: Guard): Promise<void> {
  const existing = await stat(nativePath(destination)).catch(() => undefined)
  if (existing !== undefined) {
    // Opening the destination would truncate the source.
    if (existing.dev === info.dev && existing.ino === info.ino)
      throw invalidRequest('source and destination are the same file')
    if (existing.isFIFO() || existing.isSocket()) throw invalidRequest('the destination is not a regular file')
    if (existing.isDirectory()) await refuseAsDirectory(destination)
  }
  await guard.writeOver(destination, async (place) => {
    try {
      await copyFile(nativePath(source), place)
    } catch (error) {
      if ((info.mode & SET_ID_BITS) === 0 || errorCode(error) !== 'EPERM') throw error
      await pipeline(createReadStream(nativePath(source)), createWriteStream(place))
      await chmod(place, info.mode & PLAIN_BITS)
    }
  })
}

/** Refused in a sandbox. */
const SET_ID_BITS = 0o6000
const PLAIN_BITS = 0o1777

/** Opens a directory for writing, to fail with the system's own error. */
async function refuseAsDirectory(path: string): Promise<never> {
  await (await open(nativePath(path), constants.O_WRONLY)).close()
  throw invalidRequest('the destination is a directory')
}

/** Copying a tree into itself would never end. Compares real paths, as links may lead into the source. */
async function refuseDescendant(source: string, destination: string): Promise<void> {
  const from = await canonical(source)
  const to = await canonical(destination)
  if (to === from || to.startsWith(from === '/' ? '/' : `${from}/`)) {
    throw invalidRequest('a directory cannot be copied to itself or one of its descendants')
  }
}

/** The real path of the existing part, with the missing rest appended. */
async function canonical(path: string): Promise<string> {
  try {
    return decodeName(await realpath(nativePath(path), { encoding: 'buffer' }))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || path === '/') throw error
    const parent = dirname(path)
    return join(await canonical(parent), path.slice(parent.length).replaceAll('/', ''))
  }
}
