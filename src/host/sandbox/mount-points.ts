/**
 * What must not come to be in a writable directory is covered by a mount, and a mount needs something to
 * stand on: an empty directory or file, made for as long as a sandbox needs it.
 *
 * Several servers may work in one directory, and to remove such a stand takes the mounts off it, also those in
 * another's sandbox. So each user holds a lock on it, and the last one removes it. They are known by a mode
 * that nobody gives to an empty directory or file of their own, and that lets the owner use it all the same. A small shell outlives this server by a
 * moment, to clear up what it could not.
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
import { Lock, lockFile } from '../ffi/libc.ts'
import { nativePath } from '../fs/native-path.ts'
import { errorCode } from '../../base/os-error-text.ts'

const DIRECTORY_MODE = 0o1755
const FILE_MODE = 0o1644

type MountPoint = { users: number; fd: number }

const points = new Map<string, MountPoint>()

/** Whether a path is there only because a sandbox, of this server or of another, needs it. */
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
 * Puts the paths there, or takes a share in those that are. Those that cannot be made are left out: who runs
 * as this user cannot make them either. `release` is to be called once.
 */
export function holdMountPoints(wanted: MountPlan['forbidden']): { held: MountPlan['forbidden']; release: () => void } {
  const held: MountPlan['forbidden'] = []
  const release = (): void => held.forEach(({ path, isDirectory }) => give(path, isDirectory))
  try {
    for (const point of wanted) if (take(point.path, point.isDirectory)) held.push(point)
  } catch (error) {
    release()
    throw error
  }
  return { held, release }
}

/** One that another server is just removing is tried again so often. */
const MAX_TRIES = 10

function take(path: string, isDirectory: boolean): boolean {
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

/** Throws if something else has taken its place. */
function make(path: string, isDirectory: boolean): 'made' | 'there' | 'not allowed' {
  // The shell first: from here on there may be something to clear up.
  tell(`+${path}`)
  try {
    if (isDirectory) mkdirSync(nativePath(path), DIRECTORY_MODE)
    else closeSync(openSync(nativePath(path), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, FILE_MODE))
    return 'made'
  } catch (error) {
    if (errorCode(error) === 'EEXIST' && isMountPoint(path)) return 'there'
    tell(`-${path}`)
    if (['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(errorCode(error) ?? '')) return 'not allowed'
    throw error
  }
}

/** Undefined if it is being removed. `mode` is for what was just made: the umask may have had its way with it. */
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

function give(path: string, isDirectory: boolean): void {
  const point = points.get(path)
  if (point === undefined || --point.users > 0) return
  points.delete(path)
  try {
    // Only as the last one, and only what is still empty: someone outside may have begun to use it.
    if (lockFile(point.fd, Lock.Exclusive) && isMountPoint(path)) {
      if (isDirectory) rmdirSync(nativePath(path))
      else unlinkSync(nativePath(path))
    }
  } catch {
    // It has contents by now, or is gone.
  }
  closeSync(point.fd)
  tell(`-${path}`)
}

/** Remembers the paths that it is told of; once this server is gone, gives the sandboxes time to follow it, and clears up. */
const JANITOR = `trap '' HUP INT TERM
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

let janitor: Writable | undefined

function tell(line: string): void {
  // A name with a line break, or that is not text, is left to this server alone.
  if (/[\n\0]/.test(line) || !line.isWellFormed()) return
  janitor ??= startJanitor()
  janitor.write(`${line}\n`)
}

function startJanitor(): Writable {
  const child = spawn('/bin/sh', ['-c', JANITOR, 'exec-server-janitor'], {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const stdin = child.stdin as Writable & { unref?(): void }
  child.on('error', () => {})
  stdin.on('error', () => {})
  child.on('exit', () => (janitor = undefined))
  child.unref()
  stdin.unref?.()
  return stdin
}
