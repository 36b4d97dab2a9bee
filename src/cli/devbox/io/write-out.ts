/** Writes text to stdout. */
import { BROKEN_PIPE, FdWriteError, fdWriter } from './fd-writer.ts'

/**
 * Resolves with the exit code: 0 when written, BROKEN_PIPE if the reader has gone.
 * @throws {FdWriteError} otherwise
 */
export async function writeOut(text: string): Promise<number> {
  try {
    const stdout = fdWriter(1, 'stdout', Infinity)
    stdout.push(new TextEncoder().encode(text))
    await stdout.flush()
    return 0
  } catch (error) {
    if (error instanceof FdWriteError && error.isGone) return BROKEN_PIPE
    throw error
  }
}
