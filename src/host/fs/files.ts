/**
 * The file calls. Each opens in non-blocking mode and checks the type of the open file, so that a FIFO never blocks
 * one.
 */
import { constants, lstatSync, statSync } from 'node:fs'
import { lstat, open, realpath, rm, rmdir, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { discover } from '../../core/capabilities/capability-discovery.ts'
import type { Files, ReadFileOptions } from '../../core/base/host.ts'
import { internalError, invalidRequest } from '../../protocol/wire/errors.ts'
import type { DirectoryEntry, Metadata, OpenMode } from '../../protocol/schemas/fs.ts'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import { copyPath } from './copy.ts'
import { makeDirectories } from './directories.ts'
import { guardAgainst, unguarded } from './protected-paths.ts'
import type { Forbidden, Guard } from './protected-paths.ts'
import { listDirectory, nameOf, textOf } from './list-directory.ts'
import { allMountsAreLocal } from './mounts.ts'
import { nativePath } from './native-path.ts'
import { checked, openAt, openFile } from './open-file.ts'
import { errorCode, osErrorText } from '../../base/os-error-text.ts'
import { LISTED_AT_ONCE } from '../limits.ts'
import { fileError } from '../os-error.ts'
import { fileFailure } from './file-failure.ts'
import { walk } from './walk.ts'
import { readOpened, writeOpened } from './whole-file.ts'

const { O_RDONLY, O_WRONLY, O_CREAT, O_NONBLOCK, O_NOFOLLOW } = constants

/**
 * Reads a whole regular file. Calls `verify` with the open file, and `reserve` with the bytes needed, before it reads.
 * @throws RpcError (invalid request) for another kind of file or more than `maxBytes`; else an errno error
 */
export async function readFile(
  path: string,
  options: ReadFileOptions,
  verify?: (file: FileHandle) => Promise<void>,
): Promise<Uint8Array> {
  return readOpened(await openToRead(path, options), path, options, verify)
}

/**
 * Opens a file of any kind.
 * @throws an errno error
 */
export async function openToRead(path: string, { followSymlinks }: { followSymlinks: boolean }): Promise<FileHandle> {
  if (!followSymlinks) await refuseParentLinks(path)
  return open(nativePath(path), O_RDONLY | O_NONBLOCK | (followSymlinks ? 0 : O_NOFOLLOW))
}

async function writeFile(path: string, data: Uint8Array, options: { followSymlinks: boolean }): Promise<void> {
  return writeOpened(await openToWrite(path, options), path, data)
}

async function openToWrite(path: string, { followSymlinks }: { followSymlinks: boolean }): Promise<FileHandle> {
  if (!followSymlinks) await refuseParentLinks(path)
  return open(nativePath(path), O_WRONLY | O_CREAT | O_NONBLOCK | (followSymlinks ? 0 : O_NOFOLLOW))
}

type CreateOptions = { recursive: boolean; followSymlinks: boolean }

async function createDirectory(
  path: string,
  { recursive, followSymlinks }: CreateOptions,
  guard: Guard = unguarded,
): Promise<void> {
  if (!followSymlinks) {
    await refuseParentLinks(path)
    const own = await lstat(nativePath(path)).catch(() => undefined)
    if (recursive && own !== undefined && !own.isDirectory()) throw internalError(osErrorText('ENOTDIR'))
  }
  await makeDirectories(path, recursive, guard)
}

async function getMetadata(path: string, { followSymlinks }: { followSymlinks: boolean }): Promise<Metadata> {
  const native = nativePath(path)
  // By far the most frequent call of agents, so synchronous where that cannot block.
  const [look, lookThrough] = allMountsAreLocal() ? [lstatSync, statSync] : [lstat, stat]
  const own = await look(native)
  if (!followSymlinks) {
    if (own.isSymbolicLink()) throw invalidRequest(IS_A_LINK)
    await refuseParentLinks(path)
  }
  const info = own.isSymbolicLink() ? await lookThrough(native) : own
  return {
    isDirectory: info.isDirectory(),
    isFile: info.isFile(),
    isSymlink: own.isSymbolicLink(),
    size: info.size,
    createdAtMs: Math.trunc(info.birthtimeMs),
    modifiedAtMs: Math.trunc(info.mtimeMs),
  }
}

/** Lists a directory. A link has the kind of its target; dangling links are left out. */
async function readDirectory(path: string): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = []
  for (const [index, entry] of (await listDirectory(path)).entries()) {
    const { type } = entry
    const kind = type === 'link' || type === 'unknown' ? await kindBehind(`${path}/${nameOf(entry)}`) : type
    // Names that are not UTF-8 have no exact form in JSON.
    if (kind !== undefined)
      entries.push({ fileName: textOf(entry), isDirectory: kind === 'directory', isFile: kind === 'file' })
    if (index % LISTED_AT_ONCE === LISTED_AT_ONCE - 1) await setImmediate()
  }
  return entries
}

async function kindBehind(path: string): Promise<'file' | 'directory' | 'other' | undefined> {
  try {
    const info = await stat(nativePath(path))
    return info.isFile() ? 'file' : info.isDirectory() ? 'directory' : 'other'
  } catch {
    return undefined
  }
}

type RemoveOptions = { recursive: boolean; force: boolean; followSymlinks: boolean }

/** Removes a path. A link is removed itself, never its target. */
async function remove(path: string, { recursive, force, followSymlinks }: RemoveOptions): Promise<void> {
  if (path === '/') throw invalidRequest('the root directory cannot be removed')
  if (!followSymlinks) {
    if (recursive) throw internalError('recursive removal that follows no links is not supported')
    await refuseParentLinks(path)
  }
  const native = nativePath(path)
  try {
    const own = await lstat(native)
    if (!followSymlinks && own.isSymbolicLink()) throw invalidRequest(IS_A_LINK)
    if (!own.isDirectory()) await unlink(native)
    else if (recursive) await rm(native, { recursive: true })
    else await rmdir(native)
  } catch (error) {
    if (!(force && errorCode(error) === 'ENOENT')) throw error
  }
}

/**
 * The real path, with every symbolic link resolved.
 * @throws an errno error
 */
export async function canonicalize(path: string): Promise<string> {
  return decodeName(await realpath(nativePath(path), { encoding: 'buffer' }))
}

const IS_A_LINK = 'path contains a symbolic link'

/** Throws if a parent is a symbolic link. A missing parent is not one. */
async function refuseParentLinks(path: string): Promise<void> {
  const parent = dirname(path)
  try {
    if ((await canonicalize(parent)) !== parent) throw internalError(osErrorText('ENOTDIR'))
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || (await isLink(parent))) throw error
    await refuseParentLinks(parent)
  }
}

async function isLink(path: string): Promise<boolean> {
  return (await lstat(nativePath(path)).catch(() => undefined))?.isSymbolicLink() ?? false
}

/** Wraps a call so that it throws RpcError only, with a message about the paths among its arguments. */
function answering<A extends unknown[], R>(call: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return async (...args) => {
    try {
      return await call(...args)
    } catch (error) {
      throw await fileFailure(error, args.filter(isPath))
    }
  }
}

const isPath = (value: unknown): value is string => typeof value === 'string' && value.startsWith('/')

/** Like {@link answering}, for the call with which clients try what exists: that it does not is no failure to explain. */
function probing<A extends unknown[], R>(call: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return answering(async (...args) => {
    try {
      return await call(...args)
    } catch (error) {
      throw errorCode(error) === 'ENOENT' ? fileError(error) : error
    }
  })
}

const NOTHING: ReadonlySet<string> = new Set()

/** The file calls with this process's own access. All throw RpcError. */
export const files: Files = {
  readFile: answering(readFile),
  writeFile: answering(writeFile),
  createDirectory: answering((path, options) => createDirectory(path, options)),
  getMetadata: probing(getMetadata),
  readDirectory: answering(readDirectory),
  remove: answering(remove),
  copy: answering((source, destination, options) => copyPath(source, destination, options, unguarded)),
  canonicalize: answering(canonicalize),
  open: answering(async (path, mode) => openFile(await openAt(nativePath(path), path, mode))),
  walk: answering((path, options) => walk(path, options, async () => NOTHING)),
  discover: answering((root, bounds) => discover(root, files, bounds)),
}

/**
 * Like {@link files}, for a sandbox with paths that must not be created. Hides those that exist only as mount points of
 * another sandbox.
 */
export function guardedFiles(forbidden: Forbidden): Files {
  if (forbidden.paths.length === 0) return files
  const guard = guardAgainst(forbidden)
  const guarded: Files = {
    ...files,
    writeFile: answering(async (path, data, { followSymlinks }) => {
      if (!followSymlinks) await refuseParentLinks(path)
      await guard.openForWriting(path, { followLinks: followSymlinks, use: (file) => writeOpened(file, path, data) })
    }),
    createDirectory: answering((path, options) => createDirectory(path, options, guard)),
    getMetadata: probing(async (path, options) => {
      await guard.refuseHidden(path)
      return getMetadata(path, options)
    }),
    readDirectory: answering(async (path) => {
      const hidden = await guard.hiddenIn(path)
      return (await readDirectory(path)).filter(({ fileName }) => !hidden.has(fileName))
    }),
    remove: answering(async (path, options) => {
      if (options.force && (await guard.isHidden(path))) return
      await guard.refuseHidden(path)
      await guard.refuseHolder(path)
      return remove(path, options)
    }),
    copy: answering((source, destination, options) => copyPath(source, destination, options, guard)),
    walk: answering((path, options) => walk(path, options, guard.hiddenIn)),
    discover: answering((root, bounds) => discover(root, guarded, bounds)),
    open: answering(async (path, mode) => openFile(await openGuarded(path, mode, guard))),
  }
  return guarded
}

/**
 * Opens a file for the helper, which needs its descriptor.
 * @throws RpcError
 */
export const openUnder = answering((forbidden: Forbidden, path: string, mode: OpenMode) =>
  forbidden.paths.length === 0
    ? openAt(nativePath(path), path, mode)
    : openGuarded(path, mode, guardAgainst(forbidden)),
)

/**
 * Opens a file, to be read whole or written anew, for the helper, which hands it over.
 * @throws RpcError
 */
export const openWhole = answering(
  (forbidden: Forbidden, path: string, mode: OpenMode, options: { followSymlinks: boolean }) =>
    mode === 'read'
      ? openToRead(path, options)
      : forbidden.paths.length === 0
        ? openToWrite(path, options)
        : openToWriteGuarded(path, options, guardAgainst(forbidden)),
)

async function openToWriteGuarded(
  path: string,
  { followSymlinks }: { followSymlinks: boolean },
  guard: ReturnType<typeof guardAgainst>,
): Promise<FileHandle> {
  if (!followSymlinks) await refuseParentLinks(path)
  const { promise, resolve } = Promise.withResolvers<FileHandle>()
  await guard.openForWriting(path, { followLinks: followSymlinks, use: async (file) => resolve(file) })
  return promise
}

/** Opens a file; a new one is created under the guard. */
async function openGuarded(path: string, mode: OpenMode, guard: ReturnType<typeof guardAgainst>): Promise<FileHandle> {
  if (mode === 'read') return openAt(nativePath(path), path, mode)
  const { promise, resolve } = Promise.withResolvers<FileHandle>()
  await guard.openForWriting(path, {
    followLinks: true,
    use: async (file) => resolve(await checked(file, path, mode)),
  })
  return promise
}
