/** How a run is named: by the number that `ps` shows, or by the name that it was given. */
import { RpcError } from '../../../client/base/errors.ts'
import type { ExecClient, ListedProcess } from '../../../client/base/types.ts'
import { CommandError } from '../base/command-error.ts'
import { usageError } from '../options.ts'

/** The number, or the name, of a run. */
export type RunReference = number | string

/**
 * Parses a RUN argument.
 * @throws {UsageError}
 */
export function runReference(text: string): RunReference {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  return runName(text, `RUN is a number or a name that ps shows, not '${text}'`)
}

/**
 * Checks the name of a run.
 * @throws {UsageError} with `message` for anything else
 */
export function runName(text: string, message: string): string {
  if (!/^[A-Za-z][A-Za-z0-9._-]{0,63}$/.test(text)) throw usageError(message)
  return text
}

/** Exit code for a run that there is not: the devbox is there. */
const NO_SUCH_RUN = 1

/**
 * Finds a process by the number or name of its run.
 * @throws {CommandError} with exit code 1 if there is none
 * @throws {UnsupportedError} if the server cannot list processes
 */
export async function findRun(client: ExecClient, run: RunReference): Promise<ListedProcess> {
  const found = (await client.listProcesses()).find((each) => each.run === run || each.name === run)
  if (found === undefined) throw noSuchRun(run)
  return found
}

const noSuchRun = (run: RunReference): CommandError =>
  new CommandError(`there is no run ${run}, or none any more`, NO_SUCH_RUN)

/** Converts the server's error for a run that there is not; others are returned as they are. */
export const orNoSuchRun = (error: unknown, run: RunReference): unknown =>
  error instanceof RpcError && error.message === `unknown run ${run}` ? noSuchRun(run) : error
