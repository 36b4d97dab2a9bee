/** `exec-server rm`: forgets ended runs, with their output. */
import { RpcError } from '../../../client/base/errors.ts'
import type { ExecClient } from '../../../client/base/types.ts'
import type { CommandManual } from '../../manual/manual.ts'
import { CommandError } from '../base/command-error.ts'
import { printStderr } from '../io/stderr.ts'
import { writeOut } from '../io/write-out.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import { openRunning } from '../target.ts'
import { orNoSuchRun, runReference } from '../run/run-reference.ts'
import type { RunReference } from '../run/run-reference.ts'

const HELP = `Forgets ended runs of "run -d" on a devbox, with their output.

Usage: exec-server rm [options] RUN…

${TARGET_HELP}
Exit code 1 says that one of them was not there, or has not ended.
`

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: HELP, options: targetOptions }

/**
 * Runs the command. Resolves with the exit code: 1 if any run could not be removed.
 * @throws {UsageError | CommandError}
 */
export async function rm(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, targetOptions)
  if (values.help === true) return writeOut(HELP)
  checkTarget(values)
  const runs = positionals.map(runReference)
  if (runs.length === 0) throw usageError('rm takes a RUN')
  const devbox = await openRunning(values)
  try {
    const outcomes = await Promise.all(runs.map((run) => removeOne(devbox.client, run)))
    return outcomes.every((isDone) => isDone) ? 0 : 1
  } finally {
    await devbox.close().catch(() => {})
  }
}

/** Prints its failure and returns false, so that the others are still removed. */
async function removeOne(client: ExecClient, run: RunReference): Promise<boolean> {
  try {
    await client.removeRun(run)
    return true
  } catch (caught) {
    const error = orNoSuchRun(caught, run)
    if (!(error instanceof CommandError) && !(error instanceof RpcError)) throw error
    printStderr(error.message)
    return false
  }
}
