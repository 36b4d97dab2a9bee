/**
 * Mount points for paths that must not be created in a writable directory. Such a path is covered by a mount, and a
 * mount needs a target: an empty directory or file, created for as long as a sandbox needs it.
 *
 * Several servers may share a directory, and removing a mount point detaches the mounts on it in every sandbox. So each
 * user holds a shared lock on it, and the last one removes it. Mount points are recognized by an unusual mode on an
 * empty directory or file, which still lets the owner use it. A small shell outlives this server briefly to remove what
 * the server could not.
 *
 * They are made and removed in a directory that is held open: a command that swaps that for a link meanwhile does not
 * lead the server elsewhere.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs'
import process from 'node:process'
import type { Stats } from 'node:fs'
import type { Writable } from 'node:stream'
import { internalError } from '../../protocol/wire/errors.ts'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import { nameOf, parentOf } from '../../sandbox/policy/policy.ts'
import { canLock, Lock, lockFile } from '../ffi/libc.ts'
import { nativePath } from '../fs/native-path.ts'
import { startProcess } from '../process-tree/start-process.ts'
import { errorCode } from '../../base/os-error-text.ts'
import { openPlain } from './mount-sources.ts'

const DIRECTORY_MODE = 0o1755
const FILE_MODE = 0o1644

type MountPoint = {
  users: number
  /** Locked. */
  fd: number
  /** The directory that it is in (O_PATH). */
  parent: number
  path: string
  isDirectory: boolean
}

/** By the identity of the directory, which cannot be reused while that is open, and the name. */
const points = new Map<string, MountPoint>()

/** The path of a mount point by way of its open directory. */
const placeOf = (parent: number, path: string): string => `/proc/self/fd/${parent}/${nameOf(path)}`

/** Whether a path exists only as a mount point of a sandbox, of this server or another. */
export function isMountPoint(path: string): boolean {
  try {
    return isMountPointWith(path, lstatSync(nativePath(path)))
  } catch {
    return false
  }
}

/** The same, for a path that has been looked at. */
export function isMountPointWith(path: string, info: Stats): boolean {
  const mode = info.mode & 0o7777
  if (info.isDirectory() ? mode !== DIRECTORY_MODE : mode !== FILE_MODE || !info.isFile() || info.size > 0) return false
  try {
    return info.uid === process.geteuid?.() && (!info.isDirectory() || readdirSync(nativePath(path)).length === 0)
  } catch {
    return false
  }
}

/**
 * Creates the mount points, or shares existing ones. Paths that this user may not create are left out: a command
 * running as the same user cannot create them either. Call `release` exactly once.
 * @throws an errno error (EEXIST) if something else was created there; {@link MountsChangedError} if its directory is not
 * where it was; RpcError (internal) if it keeps being removed, or if there are no locks (`isLocking`) to keep other
 * servers from removing it
 */
export function holdMountPoints(
  wanted: MountPlan['forbidden'],
  isLocking = canLock(),
): { held: MountPlan['forbidden']; release: () => void } {
  const [first] = wanted
  if (first !== undefined && !isLocking)
    throw internalError(`cannot prepare ${first.path} for the sandbox: file locks are not available here`)
  const held: MountPlan['forbidden'] = []
  const keys: string[] = []
  const release = (): void => keys.splice(0).forEach(releaseOne)
  try {
    for (const point of wanted) {
      const key = acquire(point.path, point.isDirectory)
      if (key === undefined) continue
      keys.push(key)
      held.push(point)
    }
  } catch (error) {
    release()
    throw error
  }
  return { held, release }
}

/** Attempts on a mount point that another server is removing. */
const MAX_TRIES = 10

/** Returns the key of the mount point; undefined if it may not be created. */
function acquire(path: string, isDirectory: boolean): string | undefined {
  const parent = openPlain(parentOf(path) ?? '/')
  if (parent === undefined) return undefined
  let isKept = false
  try {
    const { dev, ino } = fstatSync(parent, { bigint: true })
    const key = `${dev}:${ino}/${nameOf(path)}`
    const place = placeOf(parent, path)
    const point = points.get(key)
    if (point !== undefined && isMountPoint(place)) {
      point.users++
      return key
    }
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const made = make(place, path, isDirectory)
      if (made === 'not allowed') return undefined
      const fd = lockShared(place, made === 'made' ? (isDirectory ? DIRECTORY_MODE : FILE_MODE) : undefined)
      if (fd === undefined) continue
      points.set(key, { users: 1, fd, parent, path, isDirectory })
      isKept = true
      return key
    }
  } finally {
    if (!isKept) closeSync(parent)
  }
  throw internalError(`cannot prepare ${path} for the sandbox`)
}

/**
 * Creates one mount point.
 * @throws an errno error, EEXIST if something else exists there
 */
function make(place: string, path: string, isDirectory: boolean): 'made' | 'there' | 'not allowed' {
  // Register first: from here on there may be something to clean up.
  tellCleanUp(`+${path}`)
  try {
    if (isDirectory) mkdirSync(nativePath(place), DIRECTORY_MODE)
    else closeSync(openSync(nativePath(place), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE))
    return 'made'
  } catch (error) {
    if (errorCode(error) === 'EEXIST' && isMountPoint(place)) return 'there'
    tellCleanUp(`-${path}`)
    if (['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(errorCode(error) ?? '')) return 'not allowed'
    throw error
  }
}

/**
 * Opens and locks a mount point; undefined if it is being removed. `mode` is set on a new one, since the umask may have
 * changed it.
 */
function lockShared(place: string, mode: number | undefined): number | undefined {
  let fd: number
  try {
    fd = openSync(nativePath(place), constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch {
    return undefined
  }
  if (mode !== undefined) fchmodSync(fd, mode)
  if (lockFile(fd, Lock.Shared) && isMountPoint(place)) return fd
  closeSync(fd)
  return undefined
}

function releaseOne(key: string): void {
  const point = points.get(key)
  if (point === undefined || --point.users > 0) return
  points.delete(key)
  const { fd, parent, path, isDirectory } = point
  const place = placeOf(parent, path)
  try {
    // Only the last user removes it, and only while it is empty: something outside may have begun to use it.
    if (lockFile(fd, Lock.Exclusive) && isMountPoint(place)) {
      if (isDirectory) rmdirSync(nativePath(place))
      else unlinkSync(nativePath(place))
    }
  } catch {
    // Not empty any more, or gone.
  }
  closeSync(fd)
  closeSync(parent)
  tellCleanUp(`-${path}`)
}

/**
 * The mount clean-up: reads added (+) and removed (-) paths. When this server is gone it waits for the sandboxes to
 * end, then removes the rest. It enters each directory, and goes by what that is called then.
 */
const CLEAN_UP = `trap '' HUP INT TERM
while IFS= read -r line; do
  case $line in
  +*) set -- "$@" "\${line#+}" ;;
  -*) for path do shift; [ "$path" = "\${line#-}" ] || set -- "$@" "$path"; done ;;
  esac
done
[ $# -eq 0 ] && exit
sleep 0.2 2>/dev/null || sleep 1
lock() { if command -v flock >/dev/null; then flock -n -- "$@"; else shift; "$@"; fi; }
for path do
  dir=\${path%/*}
  cd -P -- "\${dir:-/}" 2>/dev/null && [ "$(pwd -P)" = "\${dir:-/}" ] || continue
  name=./\${path##*/}
  [ -L "$name" ] && continue
  if [ -d "$name" ]; then lock "$name" rmdir -- "$name"
  elif [ -f "$name" ] && [ ! -s "$name" ]; then lock "$name" rm -f -- "$name"
  fi
done`

let cleanUp: Writable | undefined

function tellCleanUp(line: string): void {
  // Names with a line break, or not valid Unicode, are cleaned up by the server only.
  if (/[\n\0]/.test(line) || !line.isWellFormed()) return
  cleanUp ??= startCleanUp()
  cleanUp?.write(`${line}\n`)
}

function startCleanUp(): Writable | undefined {
  const child = startProcess({
    file: '/bin/sh',
    args: ['-c', CLEAN_UP, 'exec-server-janitor'],
    cwd: '/',
    env: new Map([['PATH', '/usr/local/bin:/usr/bin:/bin']]),
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Without /bin/sh or /dev/null, what a killed server leaves is not removed.
  child.stdin?.on('error', () => {})
  child.onExit(() => (cleanUp = undefined))
  child.unref()
  return child.stdin
}
