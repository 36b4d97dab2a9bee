/**
 * Keeps forbidden paths from coming to be. In a sandbox what exists is kept by mounts; what does not exist has
 * nothing that could be mounted on, short of putting something there. So whatever creates is done in a
 * directory that is held open and whose real place is known: links that are swapped meanwhile lead nowhere else.
 *
 * That takes a /proc. In a sandbox that has none the paths are covered by mounts after all, for as long as the call
 * takes, and the look in here is only for a better answer.
 */
import { constants } from 'node:fs'
import { open, readlink, realpath } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { ErrorCode, internalError, RpcError } from '../../protocol/wire/errors.ts'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import { isWithin, join } from '../../sandbox/policy/policy.ts'
import { nativePath } from './native-path.ts'
import { errorCode, osErrorText } from '../../base/os-error-text.ts'

const { O_WRONLY, O_CREAT, O_NONBLOCK, O_NOFOLLOW, O_DIRECTORY } = constants
/** A place, and no right to read what is there. */
const O_PATH = 0o10000000

/** The kernel's bound. */
const MAX_LINKS = 40

type Native = string | Buffer

export type Guard = {
  /** Makes something new at a path; a link there is not followed. */
  create<T>(path: string, make: (place: Native) => Promise<T>): Promise<T>
  /** Overwrites or makes a file at a path, by the place that a link there leads to. */
  writeOver(path: string, write: (place: Native) => Promise<void>): Promise<void>
}

export const unguarded: Guard = {
  create: (path, make) => make(nativePath(path)),
  writeOver: (path, write) => write(nativePath(path)),
}

export type Forbidden = {
  paths: readonly string[]
  /** Whether mounts keep them too. */
  covered: boolean
}

export function guardAgainst({ paths, covered }: Forbidden) {
  const forbidden = new Set(paths)

  /** Calls with the same place by its held directory. */
  async function pinned<T>(path: string, use: (place: string) => Promise<T>): Promise<T> {
    const name = basename(path)
    if (covered) {
      const real = decodeName(await realpath(nativePath(dirname(path)), { encoding: 'buffer' }))
      if (forbidden.has(join(real, name))) throw internalError(osErrorText('EROFS'))
      return use(path)
    }
    const directory = await open(nativePath(dirname(path)), O_PATH | O_DIRECTORY)
    try {
      const held = `/proc/self/fd/${directory.fd}`
      const real = await readlink(held, { encoding: 'buffer' }).then(decodeName, () => noProc())
      if (forbidden.has(join(real, name))) throw internalError(osErrorText('EROFS'))
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
        // While the directory is held, so that a relative link is of this very place.
        return openForWriting(text.startsWith('/') ? text : `${dirname(place)}/${text}`, {
          followLinks,
          use,
          links: links + 1,
        })
      }
      // Whoever uses it closes it.
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
    /** What must not be there is not there, whatever another sandbox has put in its place. */
    async refuseHidden(path: string): Promise<void> {
      if (await isHidden(path)) throw new RpcError(ErrorCode.NotFound, osErrorText('ENOENT'))
    },
    /** A directory in which something is forbidden is a mount and cannot go, so nothing in it is to go first. */
    async refuseHolder(path: string): Promise<void> {
      const parent = await realParent(path)
      const real = parent === undefined ? path : join(parent, basename(path))
      if (paths.some((one) => isWithin(one, real))) throw internalError(osErrorText('EBUSY'))
    },
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
