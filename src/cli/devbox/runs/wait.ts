/** `exec-server wait`: waits for the end of a run. */
import { RpcError } from '../../../client/base/errors.ts'
import type { CommandManual } from '../../manual/manual.ts'
import { CommandError, OWN_FAILURE } from '../base/command-error.ts'
import { writeOut } from '../io/write-out.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import { openRunning } from '../target.ts'
import { orNoSuchRun, runReference } from '../run/run-reference.ts'

const HELP = `Waits until a process on a devbox has exited.

Usage: exec-server wait [options] RUN

${TARGET_HELP}
The exit code is the process's; 255 says that the devbox could not be reached, or that its server was killed before the process
exited; 1, with an error, that there is no such RUN. Without a devbox it is a process of the server that you run on this
machine, if there is one.
`

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: HELP, options: targetOptions }

/**
 * Runs the command. Resolves with the exit code of the run.
 * @throws {UsageError | CommandError}
 */
export async function wait(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, targetOptions)
  if (values.help === true) return writeOut(HELP)
  checkTarget(values)
  if (positionals.length !== 1) throw usageError('wait takes one RUN')
  const run = runReference(positionals[0] as string)
  const devbox = await openRunning(values, { isImplicit: true })
  try {
    return (await devbox.client.waitFor(run)).exitCode ?? OWN_FAILURE
  } catch (caught) {
    const error = orNoSuchRun(caught, run)
    if (error instanceof RpcError) throw new CommandError(error.message, OWN_FAILURE)
    throw error
  } finally {
    await devbox.close().catch(() => {})
  }
}
