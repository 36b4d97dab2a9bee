/** Text on stdout. */
import { BROKEN_PIPE, OutletError, outlet } from './fd-writer.ts'

/** Settles with the exit code when it is written. */
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
