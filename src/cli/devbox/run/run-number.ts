/** The RUN number that `ps` shows, by which attach and kill find a process. */
import type { ExecClient, ListedProcess } from '../../../client/base/types.ts'
import { CommandError } from '../base/command-error.ts'
import { usageError } from '../options.ts'

/**
 * Parses a RUN argument.
 * @throws {UsageError}
 */
export function runNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw usageError(`RUN is a number that ps shows, not '${text}'`)
  return Number(text)
}

/** Exit code for a run that there is not: the devbox is there. */
const NO_SUCH_RUN = 1

/**
 * Finds a process by its run number.
 * @throws {CommandError} with exit code 1 if there is none
 * @throws {UnsupportedError} if the server cannot list processes
 */
export async function findRun(client: ExecClient, run: number): Promise<ListedProcess> {
  const found = (await client.listProcesses()).find((each) => each.run === run)
  if (found === undefined) throw new CommandError(`there is no run ${run}, or none any more`, NO_SUCH_RUN)
  return found
}
