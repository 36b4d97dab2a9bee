/** `exec-server ps`: lists the processes of all clients on a devbox. */
import process from 'node:process'
import type { ListedProcess } from '../../../client/base/types.ts'
import type { CommandManual } from '../../manual/manual.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import { escapeControlChars } from '../../../base/control-chars.ts'
import { ageOf, table } from '../io/table.ts'
import { quoteForShell } from '../io/quote-for-shell.ts'
import { waitingFor } from '../io/say-waiting.ts'
import { openRunning } from '../target.ts'
import { writeOut } from '../io/write-out.ts'

const HELP = `Shows the processes that clients have started on a devbox, and those that ended a short while ago.

Usage: exec-server ps [options]

${TARGET_HELP}  -a, --all                 all of them, which is what is shown
  --json                    a JSON array with all that is known

Without a devbox, these are the processes of the server that you run on this machine, if there is one.
STATE is starting, running, or the exit code; "+" says that what it left behind still writes, "lost" that the server was killed
first. RUN is what attach, logs, wait, kill and rm take; so is NAME. Those of "run -d" are (detached): they need no client.
`

const options = { ...targetOptions, all: { type: 'boolean', short: 'a' }, json: { type: 'boolean' } } as const

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: HELP, options }

/**
 * Runs the command. Resolves with the exit code.
 * @throws {UsageError | CommandError}
 */
export async function ps(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, options)
  if (values.help === true) return writeOut(HELP)
  checkTarget(values)
  if (positionals.length > 0) throw usageError('ps takes no arguments')
  const devbox = await openRunning(values, { isImplicit: true })
  try {
    const processes = await waitingFor('the list of runs', devbox.client.listProcesses())
    const width = process.stdout.isTTY ? process.stdout.columns : undefined
    return await writeOut(
      values.json === true ? `${JSON.stringify(processes, null, 2)}\n` : processTable(processes, Date.now(), width),
    )
  } finally {
    await devbox.close()
  }
}

const HEAD = ['RUN', 'NAME', 'STATE', 'PID', 'TTY', 'CLIENT', 'AGE', 'COMMAND']

/** Formats the table; `now` is in ms since the epoch. Cuts lines at `width` columns, if given. */
export function processTable(processes: readonly ListedProcess[], now: number, width: number | undefined): string {
  return table(
    HEAD,
    processes.map((each) => rowOf(each, now)),
    width,
  )
}

function rowOf(
  { run, name, detached, state, exitCode, pid, tty, client, attached, argv, startedAtMs }: ListedProcess,
  now: number,
): string[] {
  const shown = state === 'exited' ? `${exitCode}+` : state === 'closed' ? `${exitCode ?? 'lost'}` : state
  const who = `${escapeControlChars(client) || '-'}${detached ? ' (detached)' : attached ? '' : ' (gone)'}`
  return [
    String(run),
    name ?? '-',
    shown,
    String(pid ?? '-'),
    tty ? 'yes' : 'no',
    who,
    ageOf(now - startedAtMs),
    argv.map(quoteForShell).join(' '),
  ]
}
