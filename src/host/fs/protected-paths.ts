/**
 * Prevents the creation of protected paths. In a sandbox, existing paths are protected by mounts; a missing path has
 * nothing to mount on unless something is created there. So every creation runs relative to a directory that is held
 * open and whose real path is checked: swapped links cannot redirect it.
 *
 * This needs /proc. In a sandbox without it the paths are covered by mounts for the duration of the call, and the check
 * here only gives a better error.
 */
import { constants } from 'node:fs'
import { open, readlink, realpath } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { isWithin } from '../../base/paths.ts'
import { ErrorCode, internalError, RpcError } from '../../protocol/wire/errors.ts'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import { join } from '../../sandbox/policy/policy.ts'
import { nativePath } from './native-path.ts'
import { errorCode, osErrorText } from '../../base/os-error-text.ts'

const { O_WRONLY, O_CREAT, O_NONBLOCK, O_NOFOLLOW, O_DIRECTORY } = constants
/** Linux's O_PATH: a location, without read access. */
const O_PATH = 0o10000000

/** The kernel's limit on nested symbolic links. */
const MAX_LINKS = 40

type Native = string | Buffer

/** How a call creates paths. */
export type Guard = {
  /** Creates something at a path, without following a link there. */
  create<T>(path: string, make: (place: Native) => Promise<T>): Promise<T>
  /** Overwrites or creates a file at a path, following a link there. */
  writeOver(path: string, write: (place: Native) => Promise<void>): Promise<void>
}

/** Creates without any check. */
export const unguarded: Guard = {
  create: (path, make) => make(nativePath(path)),
  writeOver: (path, write) => write(nativePath(path)),
}

/** The paths that must not be created. */
export type Forbidden = {
  paths: readonly string[]
  /** Whether mounts cover them, too. */
  covered: boolean
}

/**
 * Returns a guard against these paths. Its calls throw RpcError (internal, with the text of EROFS) for a protected
 * path.
 */
export function guardAgainst({ paths, covered }: Forbidden) {
  const forbidden = new Set(paths)

  /** Below it, too: another sandbox may have a mount point there, which this one would fill. */
  const isForbidden = (path: string): boolean => paths.some((one) => isWithin(path, one))

  /** Calls `use` with the path relative to its open parent directory. */
  async function pinned<T>(path: string, use: (place: string) => Promise<T>): Promise<T> {
    const name = basename(path)
    if (covered) {
      const real = decodeName(await realpath(nativePath(dirname(path)), { encoding: 'buffer' }))
      if (isForbidden(join(real, name))) throw internalError(osErrorText('EROFS'))
      return use(path)
    }
    const directory = await open(nativePath(dirname(path)), O_PATH | O_DIRECTORY)
    try {
      const held = `/proc/self/fd/${directory.fd}`
      const real = await readlink(held, { encoding: 'buffer' }).then(decodeName, () => noProc())
      if (isForbidden(join(real, name))) throw internalError(osErrorText('EROFS'))
      return await use(`${held}/${name}`)
    } finally {
      await directory.close()
    }
  }

  type Opening = { followLinks: boolean; use: (file: FileHandle) => Promise<void>; links?: number }

  async function openForWriting(path: string, { followLinks, use, links = 0 }: Opening): Promise<void> {
    await pinned(path, async (place) => {
      let file: FileHandle
      try {
        file = await open(nativePath(place), O_WRONLY | O_CREAT | O_NONBLOCK | O_NOFOLLOW)
      } catch (error) {
        if (errorCode(error) !== 'ELOOP' || !followLinks || links >= MAX_LINKS) throw error
        const text = decodeName(await readlink(nativePath(place), { encoding: 'buffer' }))
        // While the directory is held open, so that a relative link resolves from it.
        return openForWriting(text.startsWith('/') ? text : `${dirname(place)}/${text}`, {
          followLinks,
          use,
          links: links + 1,
        })
      }
      // `use` closes the file.
      await use(file)
    })
  }

  async function isHidden(path: string): Promise<boolean> {
    const real = await realParent(path)
    return real !== undefined && forbidden.has(join(real, basename(path)))
  }

  return {
    create: <T>(path: string, make: (place: Native) => Promise<T>): Promise<T> =>
      pinned(path, (place) => make(nativePath(place))),
    writeOver: (path: string, write: (place: Native) => Promise<void>): Promise<void> =>
      openForWriting(path, {
        followLinks: true,
        use: async (file) => {
          try {
            await write(covered ? nativePath(path) : `/proc/self/fd/${file.fd}`)
          } finally {
            await file.close()
          }
        },
      }),
    openForWriting,
    isHidden,
    /**
     * Reports a protected path as missing, even if another sandbox has a mount point there.
     * @throws RpcError (not found)
     */
    async refuseHidden(path: string): Promise<void> {
      if (await isHidden(path)) throw new RpcError(ErrorCode.NotFound, osErrorText('ENOENT'))
    },
    /**
     * A directory with a protected path in it is a mount and cannot be removed; refuse before its contents are removed.
     * @throws RpcError (internal, with the text of EBUSY)
     */
    async refuseHolder(path: string): Promise<void> {
      const parent = await realParent(path)
      const real = parent === undefined ? path : join(parent, basename(path))
      if (paths.some((one) => isWithin(one, real))) throw internalError(osErrorText('EBUSY'))
    },
    /** The names of the protected paths in a directory. */
    async hiddenIn(directory: string): Promise<Set<string>> {
      const real = decodeName(await realpath(nativePath(directory), { encoding: 'buffer' }))
      return new Set(paths.filter((path) => dirname(path) === real).map((path) => basename(path)))
    },
  }
}

function noProc(): never {
  throw internalError('this sandbox has no /proc, without which nothing can be made beside protected names')
}

async function realParent(path: string): Promise<string | undefined> {
  const bytes = await realpath(nativePath(dirname(path)), { encoding: 'buffer' }).catch(() => undefined)
  return bytes === undefined ? undefined : decodeName(bytes)
}
