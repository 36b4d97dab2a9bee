/** Runs a command that uses a devbox: prints its errors, and exits with its exit code. */
import process from 'node:process'
import { errorText, UsageError } from '../../base/usage-error.ts'
import { messageOf } from '../../client/base/errors.ts'
import { CommandError, OWN_FAILURE } from './base/command-error.ts'
import { printStderr, writeStderr } from './io/stderr.ts'

/** A command: resolves with its exit code. */
export type DevboxCommand = (args: readonly string[]) => Promise<number>

/** Loads and runs a command, then exits with its exit code. Errors are printed to stderr, with the command's name. */
export async function runDevboxCommand(
  name: string,
  load: () => Promise<DevboxCommand>,
  args: readonly string[],
): Promise<never> {
  if (process.platform === 'win32') {
    printStderr('it does not run on Windows; run it inside WSL')
    process.exit(1)
  }
  // Exit explicitly: an open stdin would keep the event loop alive.
  process.exit(await exitCodeOf(name, load, args))
}

async function exitCodeOf(name: string, load: () => Promise<DevboxCommand>, args: readonly string[]): Promise<number> {
  try {
    return await (await load())(args)
  } catch (error) {
    const isOurs = error instanceof UsageError || error instanceof CommandError
    const hints = isOurs ? error.hints : []
    const help = error instanceof UsageError && error.exitCode === 2 ? [`see: exec-server ${name} --help`] : []
    writeStderr(errorText(messageOf(error), [...hints, ...help]))
    return isOurs ? error.exitCode : OWN_FAILURE
  }
}
