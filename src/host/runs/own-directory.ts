/** A directory that one server writes to, and its user alone. */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { makeDirectories } from '../../base/make-directories.ts'

const SHARED_WRITE = 0o022
const SHARED = 0o077

/**
 * Makes the directory if it is not there, and locks it. `isPrivate`: others may not read it either.
 * @throws Error that says why it cannot be used
 */
export function openOwnDirectory(path: string, { isPrivate }: { isPrivate: boolean }): void {
  makeDirectories(path)
  refuseForeign(path, isPrivate)
  lock(path)
}

function refuseForeign(path: string, isPrivate: boolean): void {
  const { uid, mode } = statSync(path)
  if (uid !== process.geteuid?.()) throw new Error(`it belongs to user ${uid}`)
  if ((mode & SHARED_WRITE) !== 0) throw new Error(`its group or others can write it: chmod go-w ${path}`)
  if (isPrivate && (mode & SHARED) !== 0) throw new Error(`its group or others can read it: chmod go= ${path}`)
}

/** A server that still runs keeps its directory. */
function lock(path: string): void {
  const file = join(path, 'lock')
  const holder = holderOf(file)
  if (holder !== undefined && holder !== process.pid && isAlive(holder))
    throw new Error(`the server with process id ${holder} uses it (if there is none, remove ${file})`)
  rmSync(file, { force: true })
  const fd = openSync(file, 'wx', 0o600)
  writeSync(fd, String(process.pid))
  closeSync(fd)
}

function holderOf(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
