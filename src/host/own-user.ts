/** The user that this server runs as: home directory, login shell and temporary directory, as far as there are any. */
import { accessSync, constants, statSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { basename, resolve } from 'node:path'
import process from 'node:process'

/** The home directory: HOME, else the user database's. Undefined for neither, as in containers, or a relative one. */
export function homeDirectory(): string | undefined {
  try {
    const home = homedir()
    return home.startsWith('/') ? home : undefined
  } catch {
    return undefined
  }
}

/** The directory for temporary files, whether it exists or not. A relative TMPDIR is below the current directory. */
export function temporaryDirectory(): string {
  try {
    return resolve(tmpdir())
  } catch {
    // The current directory has been removed.
    return '/tmp'
  }
}

/** Login "shells" that run no commands, of accounts without a login. */
const NO_SHELLS = ['nologin', 'false', 'true', 'git-shell', 'sync', 'shutdown', 'halt']

let shell: { name: string; path: string } | undefined

/** The user's login shell: from the user database, else SHELL, else bash or sh. Cached. */
export function loginShell(): { name: string; path: string } {
  if (shell === undefined) {
    const candidates = [databaseShell(), process.env['SHELL'], '/bin/bash', '/bin/sh']
    const path = candidates.find((candidate) => candidate !== undefined && isShell(candidate)) ?? '/bin/sh'
    shell = { name: basename(path), path }
  }
  return shell
}

/** Whether commands can be run with it, as far as its name and its mode tell. */
export function isShell(path: string): boolean {
  if (!path.startsWith('/') || NO_SHELLS.includes(basename(path))) return false
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function databaseShell(): string | undefined {
  try {
    return userInfo().shell ?? undefined
  } catch {
    // No entry for this user id, as in containers.
    return undefined
  }
}
