/** Reports the usage errors of the server and the commands about this machine. */
import process from 'node:process'
import { errorText, UsageError } from '../../base/usage-error.ts'
import { writeText } from '../../base/write-all.ts'

/**
 * Runs `work`. Prints a UsageError to stderr and sets the exit code; other errors are thrown. `name` is the command's,
 * empty for the server.
 */
export async function reportingUsage(work: () => Promise<void>, name = ''): Promise<void> {
  if (process.platform === 'win32') return fail(errorText('it does not run on Windows; run it inside WSL'), 1)
  try {
    await work()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const help = error.exitCode === 2 ? [`see: exec-server ${name === '' ? '' : `${name} `}--help`] : []
    fail(errorText(error.message, [...error.hints, ...help]), error.exitCode)
  }
}

function fail(text: string, exitCode: number): void {
  try {
    writeText(2, text)
  } catch {
    // There is no reader: the exit code remains.
  }
  process.exitCode = exitCode
}
