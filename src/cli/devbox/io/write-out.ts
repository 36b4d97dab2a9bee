/** Writes text to stdout. */
import { BROKEN_PIPE, OutletError, outlet } from './fd-writer.ts'

/**
 * Resolves with the exit code: 0 when written, BROKEN_PIPE if the reader has gone.
 * @throws {OutletError} otherwise
 */
export async function writeOut(text: string): Promise<number> {
  try {
    const stdout = outlet(1, 'stdout', Infinity)
    stdout.push(new TextEncoder().encode(text))
    await stdout.flush()
    return 0
  } catch (error) {
    if (error instanceof OutletError && error.isGone) return BROKEN_PIPE
    throw error
  }
}
