/** A folder for this program's own files that no other user can write or read. */
import { randomUUID } from 'node:crypto'
import { accessSync, constants, lstatSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { makeDirectories } from '../../base/make-directories.ts'

/** What the group and others may do. */
const SHARED = 0o077
const SHARED_WRITE = 0o022

/**
 * Where such folders are made, best first. Not in the temporary directory: sandboxed commands may usually write there.
 */
export function privateParents(env: NodeJS.ProcessEnv, home: string | undefined): string[] {
  const cache = isAbsolute(env['XDG_CACHE_HOME']) ?? (home === undefined ? undefined : join(home, '.cache'))
  const shared = [cache, isAbsolute(env['XDG_RUNTIME_DIR'])].filter((folder) => folder !== undefined)
  return [...shared.map((folder) => join(folder, 'exec-server')), `/var/tmp/exec-server-${process.geteuid?.()}`]
}

const isAbsolute = (path: string | undefined): string | undefined => (path?.startsWith('/') === true ? path : undefined)

/**
 * Makes a folder for programs in the first of `parents` where that is possible. Undefined if none is this user's alone, or
 * programs cannot be run there.
 */
export function privateFolder(name: string, parents: readonly string[]): string | undefined {
  return parents
    .map((parent) => join(parent, name))
    .find((folder) => {
      try {
        makeDirectories(folder)
        return isPrivate(folder) && runsPrograms(folder)
      } catch {
        return false
      }
    })
}

/** False on a file system that is mounted with noexec. */
function runsPrograms(folder: string): boolean {
  const probe = join(folder, `.probe-${randomUUID()}`)
  try {
    writeFileSync(probe, '', { flag: 'wx', mode: 0o700 })
    accessSync(probe, constants.X_OK)
    return true
  } finally {
    rmSync(probe, { force: true })
  }
}

/** Whether the folder is this user's alone, and no other can put another in its place. Not if it is a link. */
export const isPrivate = (folder: string): boolean => isOwn(folder, SHARED) && isOwn(dirname(folder), SHARED_WRITE)

function isOwn(folder: string, forbidden: number): boolean {
  const info = lstatSync(folder)
  return info.isDirectory() && info.uid === process.geteuid?.() && (info.mode & forbidden) === 0
}
