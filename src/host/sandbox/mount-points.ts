/**
 * Mount points for paths that must not be created in a writable directory. Such a path is covered by a mount, and a
 * mount needs a target: an empty directory or file, created for as long as a sandbox needs it.
 *
 * Several servers may share a directory, and removing a mount point detaches the mounts on it in every sandbox. So each
 * user holds a shared lock on it, and the last one removes it. Mount points are recognized by an unusual mode on an
 * empty directory or file, which still lets the owner use it. A small shell outlives this server briefly to remove what
 * the server could not.
 */
import { spawn } from 'node:child_process'
import {
  closeSync,
  constants,
  fchmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs'
import process from 'node:process'
import type { Writable } from 'node:stream'
import { internalError } from '../../protocol/wire/errors.ts'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import { canLock, Lock, lockFile } from '../ffi/libc.ts'
import { nativePath } from '../fs/native-path.ts'
import { errorCode } from '../../base/os-error-text.ts'

const DIRECTORY_MODE = 0o1755
const FILE_MODE = 0o1644

type MountPoint = { users: number; fd: number }

const points = new Map<string, MountPoint>()

/** Whether a path exists only as a mount point of a sandbox, of this server or another. */
export function isMountPoint(path: string): boolean {
  try {
    const info = lstatSync(nativePath(path))
    if (info.uid !== process.geteuid?.()) return false
    if (info.isDirectory()) return (info.mode & 0o7777) === DIRECTORY_MODE && readdirSync(nativePath(path)).length === 0
    return info.isFile() && (info.mode & 0o7777) === FILE_MODE && info.size === 0
  } catch {
    return false
  }
}

/**
 * Creates the mount points, or shares existing ones. Paths that this user may not create are left out: a command
 * running as the same user cannot create them either. Call `release` exactly once.
 * @throws an errno error (EEXIST) if something else was created there; RpcError (internal) if it keeps being removed, or
 * if there are no locks (`isLocking`) to keep other servers from removing it
 */
export function holdMountPoints(
  wanted: MountPlan['forbidden'],
  isLocking = canLock(),
): { held: MountPlan['forbidden']; release: () => void } {
  const [first] = wanted
  if (first !== undefined && !isLocking)
    throw internalError(`cannot prepare ${first.path} for the sandbox: file locks are not available here`)
  const held: MountPlan['forbidden'] = []
  const release = (): void => held.forEach(({ path, isDirectory }) => releaseOne(path, isDirectory))
  try {
    for (const point of wanted) if (acquire(point.path, point.isDirectory)) held.push(point)
  } catch (error) {
    release()
    throw error
  }
  return { held, release }
}

/** Attempts on a mount point that another server is removing. */
const MAX_TRIES = 10

function acquire(path: string, isDirectory: boolean): boolean {
  const point = points.get(path)
  if (point !== undefined && isMountPoint(path)) {
    point.users++
    return true
  }
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const made = make(path, isDirectory)
    if (made === 'not allowed') return false
    const fd = lockShared(path, made === 'made' ? (isDirectory ? DIRECTORY_MODE : FILE_MODE) : undefined)
    if (fd !== undefined) {
      points.set(path, { users: 1, fd })
      return true
    }
  }
  throw internalError(`cannot prepare ${path} for the sandbox`)
}

/**
 * Creates one mount point.
 * @throws an errno error, EEXIST if something else exists there
 */
function make(path: string, isDirectory: boolean): 'made' | 'there' | 'not allowed' {
  // Register first: from here on there may be something to clean up.
  tellCleanUp(`+${path}`)
  try {
    if (isDirectory) mkdirSync(nativePath(path), DIRECTORY_MODE)
    else closeSync(openSync(nativePath(path), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE))
    return 'made'
  } catch (error) {
    if (errorCode(error) === 'EEXIST' && isMountPoint(path)) return 'there'
    tellCleanUp(`-${path}`)
    if (['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(errorCode(error) ?? '')) return 'not allowed'
    throw error
  }
}

/**
 * Opens and locks a mount point; undefined if it is being removed. `mode` is set on a new one, since the umask may have
 * changed it.
 */
function lockShared(path: string, mode: number | undefined): number | undefined {
  let fd: number
  try {
    fd = openSync(nativePath(path), constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch {
    return undefined
  }
  if (mode !== undefined) fchmodSync(fd, mode)
  if (lockFile(fd, Lock.Shared) && isMountPoint(path)) return fd
  closeSync(fd)
  return undefined
}

function releaseOne(path: string, isDirectory: boolean): void {
  const point = points.get(path)
  if (point === undefined || --point.users > 0) return
  points.delete(path)
  try {
    // Only the last user removes it, and only while it is empty: something outside may have begun to use it.
    if (lockFile(point.fd, Lock.Exclusive) && isMountPoint(path)) {
      if (isDirectory) rmdirSync(nativePath(path))
      else unlinkSync(nativePath(path))
    }
  } catch {
    // Not empty any more, or gone.
  }
  closeSync(point.fd)
  tellCleanUp(`-${path}`)
}

/**
 * The mount clean-up: reads added (+) and removed (-) paths. When this server is gone it waits for the sandboxes to
 * end, then removes the rest.
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
  [ -L "$path" ] && continue
  if [ -d "$path" ]; then lock "$path" rmdir -- "$path"
  elif [ -f "$path" ] && [ ! -s "$path" ]; then lock "$path" rm -f -- "$path"
  fi
done`

let cleanUp: Writable | undefined

function tellCleanUp(line: string): void {
  // Names with a line break, or not valid Unicode, are cleaned up by the server only.
  if (/[\n\0]/.test(line) || !line.isWellFormed()) return
  cleanUp ??= startCleanUp()
  cleanUp.write(`${line}\n`)
}

function startCleanUp(): Writable {
  const child = spawn('/bin/sh', ['-c', CLEAN_UP, 'exec-server-janitor'], {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const stdin: Writable & { unref?(): void } = child.stdin
  // Without /bin/sh or /dev/null, what a killed server leaves is not removed.
  child.on('error', () => {})
  stdin.on('error', () => {})
  child.on('exit', () => (cleanUp = undefined))
  child.unref()
  stdin.unref?.()
  return stdin
}
