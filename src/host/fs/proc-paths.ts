/**
 * Process file systems: their files show the memory, the environment and the open files of this very process, and their
 * links lead to what has no name, or another name elsewhere.
 */
import { lstatSync, readlinkSync, realpathSync, statfsSync, statSync } from 'node:fs'
import type { Stats, StatsFs } from 'node:fs'
import { lstat, readlink, realpath, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import { allMountsAreLocal } from './mounts.ts'
import { nativePath } from './native-path.ts'

/** PROC_SUPER_MAGIC, see statfs(2). */
const PROC_SUPER_MAGIC = 0x9fa0

/** As many symbolic links as the kernel follows. */
const MAX_LINKS = 40

type Path = string | Buffer
type Soon<T> = T | Promise<T>
type Look = {
  lstat(path: Path): Soon<Stats>
  stat(path: Path): Soon<Stats>
  readlink(path: Path): Soon<Buffer>
  statfs(path: Path): Soon<StatsFs>
  realpath(path: Path): Soon<string>
}

const BYTES = { encoding: 'buffer' } as const
const now: Look = {
  lstat: (path) => lstatSync(path),
  stat: (path) => statSync(path),
  readlink: (path) => readlinkSync(path, BYTES),
  statfs: (path) => statfsSync(path),
  realpath: (path) => realpathSync.native(path),
}
const later: Look = {
  lstat: (path) => lstat(path),
  stat: (path) => stat(path),
  readlink: (path) => readlink(path, BYTES),
  statfs: (path) => statfs(path),
  realpath: (path) => realpath(path),
}

/** Synchronous where that cannot block, which is thirty times as fast. */
const looking = (): Look => (allMountsAreLocal() ? now : later)

/** Whether a path is on a process file system. False for one that cannot be examined. */
export async function isOnProc(path: Path): Promise<boolean> {
  try {
    return (await looking().statfs(path)).type === PROC_SUPER_MAGIC
  } catch {
    return false
  }
}

/** Whether a path, each of its symbolic links followed, leads to a process file system or through one. Absolute paths. */
export async function leadsThroughProc(path: string): Promise<boolean> {
  if (process.platform !== 'linux') return false
  if (await isWithoutLinks(path)) return isOnProc(path)
  const look = looking()
  const rest = path.split('/')
  const devices = new Map<number, boolean>()
  let [at, links] = ['/', 0]
  try {
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      if (name === '' || name === '.') continue
      const next = join(at, name)
      const info = await look.lstat(nativePath(next))
      // A link's own file system: statfs would follow it.
      let isProc = devices.get(info.dev)
      if (isProc === undefined)
        devices.set(info.dev, (isProc = await isOnProc(nativePath(info.isSymbolicLink() ? at : next))))
      if (isProc) return true
      if (!info.isSymbolicLink()) at = next
      else if (++links > MAX_LINKS) return false
      else {
        const target = decodeName(await look.readlink(nativePath(next)))
        if (target.startsWith('/')) at = '/'
        rest.unshift(...target.split('/'))
      }
    }
  } catch {
    // What does not exist is on no file system.
  }
  return false
}

/** Mostly, and found out faster than by looking at each part of the path. */
async function isWithoutLinks(path: string): Promise<boolean> {
  try {
    return (await looking().realpath(path)) === path
  } catch {
    return false
  }
}

/**
 * Whether an open file is on a process file system, or was opened by way of a link of one: then it is not what its own
 * path names. A path that was examined before it was opened may have changed in between.
 */
export async function cameThroughProc(fd: number): Promise<boolean> {
  if (process.platform !== 'linux') return false
  const look = looking()
  const link = `/proc/self/fd/${fd}`
  try {
    if (await isOnProc(link)) return true
    const opened = await look.stat(link)
    const named = await look.lstat(await look.readlink(link))
    return opened.dev !== named.dev || opened.ino !== named.ino
  } catch {
    return true
  }
}
