/** Why the program would not follow a command line, without a process for it. */
import * as assert from 'uvu/assert'
import { parseCommand, UsageError } from '../../src/cli/serve/arguments.ts'

export type Refusal = { exitCode: number; message: string }

/** What the program would say to stderr, and end with. Undefined: the arguments by themselves are in order. */
export function refusalOf(args: readonly string[]): Refusal | undefined {
  try {
    parseCommand(args)
    return undefined
  } catch (error) {
    assert.instance(error, UsageError)
    return error as UsageError
  }
}
