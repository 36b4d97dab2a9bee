/**
 * A custom argv[0] on a terminal where there is no posix_spawn. node-pty always passes the program's name as argv[0], so
 * this program is started on the terminal first and then replaces itself (execve) with the target.
 */
import process from 'node:process'
import { ARGV0_MODE } from './argv0-mode.ts'
import { restoreSigpipe } from '../ffi/libc.ts'
import { forkedSelfCommand } from '../self-exec.ts'
import { openFilesLimitText, takeOpenFilesLimit } from './open-files-limit.ts'

/** Returns a command that ends up running `path` with argv[0] `arg0`. */
export function argv0Command(arg0: string, path: string, args: readonly string[]): string[] {
  // Deno has no execve; bash does it, although it sets a variable or two of its own.
  if (typeof process.execve !== 'function') return ['bash', '-c', 'exec -a "$0" -- "$@"', arg0, path, ...args]
  return [...forkedSelfCommand(), ARGV0_MODE, openFilesLimitText(), arg0, path, ...args]
}

/**
 * The child's half: replaces this process with the program. Does not return; exits with 127 if arguments are missing,
 * 126 if execve fails.
 */
export function becomeProgram([openFiles, arg0, path, ...args]: readonly string[]): never {
  if (openFiles === undefined || arg0 === undefined || path === undefined) process.exit(127)
  restoreSigpipe()
  takeOpenFilesLimit(openFiles)
  process.execve?.(path, [arg0, ...args], process.env as Record<string, string>)
  process.exit(126)
}
