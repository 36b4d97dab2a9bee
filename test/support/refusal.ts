/** Checks command lines without starting a process. */
import * as assert from 'uvu/assert'
import { UsageError } from '../../src/base/usage-error.ts'
import { parseServe } from '../../src/cli/serve/arguments.ts'

/** The exit code, and the message on stderr. */
export type Refusal = { exitCode: number; message: string }

/** What the program would write to stderr, and its exit code. Undefined if the arguments are valid. */
export function refusalOf(args: readonly string[]): Refusal | undefined {
  try {
    parseServe(args)
    return undefined
  } catch (error) {
    assert.instance(error, UsageError)
    return error as UsageError
  }
}
