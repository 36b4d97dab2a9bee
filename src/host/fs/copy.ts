/** fs/copy. */
import { constants } from 'node:fs'
import type { Stats } from 'node:fs'
import { copyFile, lstat, open, readdir, readlink, realpath, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { invalidRequest } from '../../protocol/wire/errors.ts'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import { makeDirectories } from './directories.ts'
import type { Guard } from './protected-paths.ts'
import { nativePath } from './native-path.ts'
import { errorCode } from '../../base/os-error-text.ts'

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

/** A directory is merged into one that exists. What is neither file, directory nor link is passed over. */
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

/** The link's text is copied. Where the same link stands already there is nothing to do. */
async function copyLink(source: string, destination: string, guard: Guard): Promise<void> {
  const text = Buffer.from(await readlink(nativePath(source), { encoding: 'buffer' }))
  try {
    await guard.create(destination, (place) => symlink(text, place))
  } catch (error) {
    const existing = await readlink(nativePath(destination), { encoding: 'buffer' }).catch(() => undefined)
    if (errorCode(error) !== 'EEXIST' || existing === undefined || !text.equals(existing)) throw error
  }
}

/** Contents and mode bits, over what is there, through a link that is there. */
async function copyRegularFile(source: string, info: Stats, destination: string, guard: Guard): Promise<void> {
  const existing = await stat(nativePath(destination)).catch(() => undefined)
  if (existing !== undefined) {
    // To open the destination would empty the source.
    if (existing.dev === info.dev && existing.ino === info.ino)
      throw invalidRequest('source and destination are the same file')
    if (existing.isFIFO() || existing.isSocket()) throw invalidRequest('the destination is not a regular file')
    if (existing.isDirectory()) await refuseAsDirectory(destination)
  }
  await guard.writeOver(destination, (place) => copyFile(nativePath(source), place))
}

/** Opens a directory for writing, for the error that the system has for it. */
async function refuseAsDirectory(path: string): Promise<never> {
  await (await open(nativePath(path), constants.O_WRONLY)).close()
  throw invalidRequest('the destination is a directory')
}

/** A tree that is copied into itself would never end. Links on the way are looked through. */
async function refuseDescendant(source: string, destination: string): Promise<void> {
  const from = await canonical(source)
  const to = await canonical(destination)
  if (to === from || to.startsWith(from === '/' ? '/' : `${from}/`)) {
    throw invalidRequest('a directory cannot be copied to itself or one of its descendants')
  }
}

/** The real path of what exists; what does not is put behind it. */
async function canonical(path: string): Promise<string> {
  try {
    return decodeName(await realpath(nativePath(path), { encoding: 'buffer' }))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || path === '/') throw error
    const parent = dirname(path)
    return join(await canonical(parent), path.slice(parent.length).replaceAll('/', ''))
  }
}
