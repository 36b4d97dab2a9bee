/** Writes to stdout for the server and the commands about this machine. */
import process from 'node:process'
import { errorCode, reasonOf } from '../../base/os-error-text.ts'
import { UsageError } from '../../base/usage-error.ts'
import { writeText } from '../../base/write-all.ts'

/** Exit code that a shell reports for a command ended by SIGPIPE (128 + 13). */
const BROKEN_PIPE = 141

/**
 * Writes text. Exits silently if its reader is gone, as `head` when it has seen enough.
 * @throws {UsageError} if it cannot be written, on a full disk for example
 */
export function writeStdout(text: string): void {
  try {
    writeText(1, text)
  } catch (error) {
    if (errorCode(error) === 'EPIPE') process.exit(BROKEN_PIPE)
    throw new UsageError(`cannot write to stdout: ${reasonOf(error)}`, 1)
  }
}
