/** Reports the usage errors of the server and the commands about this machine. */
import process from 'node:process'
import { escapeControlChars } from '../../base/control-chars.ts'
import { UsageError } from '../../base/usage-error.ts'
import { writeText } from '../../base/write-all.ts'

/** Runs `work`. Prints a UsageError to stderr and sets the exit code; other errors are thrown. */
export async function reportingUsage(work: () => Promise<void>): Promise<void> {
  if (process.platform === 'win32') return fail('exec-server does not run on Windows; run it inside WSL', 1)
  try {
    await work()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    fail(error.message, error.exitCode)
  }
}

function fail(message: string, exitCode: number): void {
  try {
    writeText(2, `${escapeControlChars(message)}\n`)
  } catch {
    // There is no reader: the exit code remains.
  }
  process.exitCode = exitCode
}
