/** Writes text to stdout. */
import { CommandError } from '../base/command-error.ts'
import { BROKEN_PIPE, FdWriteError, fdWriter } from './fd-writer.ts'

/**
 * Resolves with the exit code: 0 when written, BROKEN_PIPE if the reader has gone.
 * @throws {CommandError} with exit code 1 otherwise, on a full disk for example
 */
export async function writeOut(text: string): Promise<number> {
  try {
    const stdout = fdWriter(1, 'stdout', Infinity)
    stdout.push(new TextEncoder().encode(text))
    await stdout.flush()
    return 0
  } catch (error) {
    if (error instanceof FdWriteError && error.isGone) return BROKEN_PIPE
    throw error instanceof FdWriteError ? new CommandError(error.message, 1) : error
  }
}
