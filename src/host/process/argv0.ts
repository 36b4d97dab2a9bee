/**
 * Terminals with an argv[0] of the client's choice. node-pty cannot give a child another argv[0] than the
 * program's name, so this program is started on the terminal first, and turns into the wanted one.
 */
import process from 'node:process'
import { ARGV0_MODE } from './argv0-mode.ts'
import { restoreSigpipe } from '../ffi/libc.ts'
import { selfCommand } from '../self-exec.ts'

/** A command that ends up running `path` as `arg0`. */
export function argv0Command(arg0: string, path: string, args: readonly string[]): string[] {
  // Deno cannot turn into another program; bash can, though it sets a variable or two of its own.
  if (typeof process.execve !== 'function') return ['bash', '-c', 'exec -a "$0" -- "$@"', arg0, path, ...args]
  return [...selfCommand(), ARGV0_MODE, arg0, path, ...args]
}

/** The other half, in the child. Does not return. */
export function becomeProgram([arg0, path, ...args]: readonly string[]): never {
  if (arg0 === undefined || path === undefined) process.exit(127)
  restoreSigpipe()
  process.execve?.(path, [arg0, ...args], process.env as Record<string, string>)
  process.exit(126)
}
