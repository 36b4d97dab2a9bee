/** `exec-server kill`: terminates a process of any client, or sends it a signal. */
import { messageOf, RpcError } from '../../../client/base/errors.ts'
import type { ExecClient, SignalName } from '../../../client/base/types.ts'
import type { Advice } from '../../base/parse-options.ts'
import type { CommandManual } from '../../manual/manual.ts'
import { CommandError } from '../base/command-error.ts'
import { parseDuration } from '../base/duration.ts'
import { KILL_MARGIN_MS } from '../base/limits.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import { findRun, runReference } from './run-reference.ts'
import type { RunReference } from './run-reference.ts'
import { printStderr } from '../io/stderr.ts'
import { isSignal, signalNamed, signalNames } from './signal-names.ts'
import { waitingFor } from '../io/say-waiting.ts'
import { openRunning } from '../target.ts'
import { writeOut } from '../io/write-out.ts'

const DEFAULT_GRACE_S = 10

const HELP = `Ends processes on a devbox with all that they started, and waits until they are over.

Usage: exec-server kill [options] RUN…

${TARGET_HELP}  --grace SECONDS           after SIGTERM, before SIGKILL (default ${DEFAULT_GRACE_S}; 0: SIGKILL at once)
  -s, --signal SIGNAL       only send this to the process's group, and wait for nothing; -SIGNAL is the same, as in -9 or -TERM

Exit code 1 says that one of them was not there, or over already.
`

const options = { ...targetOptions, signal: { type: 'string', short: 's' }, grace: { type: 'string' } } as const

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: HELP, options, choices: { signal: signalNames } }

/**
 * Runs the command. Resolves with the exit code: 1 if any run failed.
 * @throws {UsageError | CommandError}
 */
export async function kill(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(withSignalOption(args), options, ADVICE)
  if (values.help === true) return writeOut(HELP)
  checkTarget(values)
  const { signal, grace } = values
  if (signal !== undefined && grace !== undefined)
    throw usageError('--grace is for an end, and --signal sends a signal only')
  const name = signal === undefined ? undefined : signalNamed(signal)
  const graceMs = grace === undefined ? DEFAULT_GRACE_S * 1000 : parseDuration('--grace', grace)
  const runs = positionals.map(runReference)
  if (runs.length === 0) throw usageError('kill takes a RUN')
  const devbox = await openRunning(values)
  try {
    const ends = Promise.all(runs.map((run) => endOne(devbox.client, run, name, graceMs)))
    const outcomes = await waitingFor(
      `the end of ${runs.length === 1 ? `run ${runs[0]}` : `${runs.length} runs`}`,
      ends,
    )
    return outcomes.every((isDone) => isDone) ? 0 : 1
  } finally {
    await devbox.close().catch(() => {})
  }
}

const ADVICE: Advice = {
  '-l': `the signals are ${signalNames.join(', ')}`,
  '--list': `the signals are ${signalNames.join(', ')}`,
}

/** What stands for a signal, known or not: a number, or two capital letters and more. */
const SIGNAL_OPTION = /^-(?:\d+|[A-Z][A-Z\d]+)$/

/** `-9` and `-TERM`, as kill(1) takes them, become `--signal=…`. */
export function withSignalOption(args: readonly string[]): string[] {
  const end = args.indexOf('--')
  const isOption = (arg: string, index: number): boolean =>
    (end < 0 || index < end) && (SIGNAL_OPTION.test(arg) || (/^-[a-z]/.test(arg) && isSignal(arg.slice(1))))
  return args.map((arg, index) => (isOption(arg, index) ? `--signal=${arg.slice(1)}` : arg))
}

/** Terminates or signals one run. Prints its failure and returns false, so that the others are still handled. */
async function endOne(
  client: ExecClient,
  run: RunReference,
  signal: SignalName | undefined,
  graceMs: number,
): Promise<boolean> {
  try {
    const { state } = await findRun(client, run)
    if (state === 'closed' || (signal !== undefined && state === 'exited'))
      throw new CommandError(`run ${run} is over already`, 1)
    const process = await client.attach(run)
    if (signal !== undefined) {
      await process.signal(signal)
      return true
    }
    await process.terminate(client.extensions.has('graceMs') ? { graceMs } : {})
    await process.wait({ signal: AbortSignal.timeout(graceMs + KILL_MARGIN_MS) })
    return true
  } catch (error) {
    if (!(error instanceof CommandError) && !(error instanceof RpcError)) throw error
    printStderr(messageOf(error))
    return false
  }
}
