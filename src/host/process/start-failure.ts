/**
 * Why a command cannot be started, in words for the model that asked for it: the same error number may be about the
 * working directory, the program or its interpreter. The message stays on one line and ends with the system's text.
 */
import { basename } from 'node:path'
import { shownPath, StartFailure } from '../os-error.ts'
import { loginShell } from '../own-user.ts'

export const directoryFailure = (code: string, path: string): StartFailure =>
  new StartFailure(code, `working directory ${shownPath(path)} ${DIRECTORY_FAULTS[code] ?? 'cannot be used'}`)

const DIRECTORY_FAULTS: Record<string, string> = {
  ENOENT: 'does not exist on this devbox',
  ENOTDIR: 'is not a directory',
  EACCES: 'cannot be entered by the user that commands run as',
}

/** About a program that was named by its path. `interpreter` is the one that a script names. */
export function programFailure(code: string, path: string, interpreter?: string): StartFailure {
  const subject =
    interpreter === undefined
      ? `program ${shownPath(path)}`
      : `program ${shownPath(path)} needs the interpreter ${shownPath(interpreter)}, which`
  const fault = PROGRAM_FAULTS[code] ?? 'cannot be run'
  return new StartFailure(code, `${subject} ${fault}${code === 'ENOENT' ? shellHint(interpreter ?? path) : ''}`)
}

const PROGRAM_FAULTS: Record<string, string> = {
  ENOENT: 'does not exist on this devbox',
  ENOTDIR: 'does not exist on this devbox, as a part of the path is not a directory',
  EACCES: 'is not a file that may be executed by the user that commands run as',
  ENOEXEC: 'has a format that this devbox cannot run',
}

/** About a name that was looked for on a search path. */
export function searchFailure(code: string, name: string, search: string): StartFailure {
  if (code === 'ENOENT')
    return new StartFailure(
      code,
      `program ${shownPath(name)} was not found in PATH ${shownPath(search)}${shellHint(name)}`,
    )
  return new StartFailure(code, `program ${shownPath(name)} is in PATH ${shownPath(search)}, but may not be executed`)
}

const SHELLS = new Set(['ash', 'bash', 'dash', 'fish', 'ksh', 'sh', 'zsh'])

/** Names the existing shell where another one was asked for. */
function shellHint(wanted: string): string {
  if (!SHELLS.has(basename(wanted))) return ''
  return `; this devbox's shell is ${loginShell().path}`
}
