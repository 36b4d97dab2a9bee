/** Runs a command that uses a devbox: prints its errors, and exits with its exit code. */
import process from 'node:process'
import { escapeControlChars } from '../../base/control-chars.ts'
import { UsageError } from '../../base/usage-error.ts'
import { messageOf } from '../../client/base/errors.ts'
import { CommandError, OWN_FAILURE } from './base/command-error.ts'
import { printStderr, writeStderr } from './io/stderr.ts'

/** A command: resolves with its exit code. */
export type DevboxCommand = (args: readonly string[]) => Promise<number>

/** Loads and runs a command, then exits with its exit code. Errors are printed to stderr. */
export async function runDevboxCommand(load: () => Promise<DevboxCommand>, args: readonly string[]): Promise<never> {
  if (process.platform === 'win32') {
    printStderr('it does not run on Windows; run it inside WSL')
    process.exit(1)
  }
  // Exit explicitly: an open stdin would keep the event loop alive.
  process.exit(await exitCodeOf(load, args))
}

async function exitCodeOf(load: () => Promise<DevboxCommand>, args: readonly string[]): Promise<number> {
  try {
    return await (await load())(args)
  } catch (error) {
    if (error instanceof UsageError) writeStderr(`${escapeControlChars(error.message)}\n`)
    else printStderr(messageOf(error))
    return error instanceof UsageError || error instanceof CommandError ? error.exitCode : OWN_FAILURE
  }
}
