/** `exec-server ports`: what listens on a devbox. */
import process from 'node:process'
import { isIPv6 } from 'node:net'
import { escapeControlChars } from '../../../base/control-chars.ts'
import type { ListeningPort } from '../../../client/base/types.ts'
import type { CommandManual } from '../../manual/manual.ts'
import { CommandError } from '../base/command-error.ts'
import { quoteForShell } from '../io/quote-for-shell.ts'
import { waitingFor } from '../io/say-waiting.ts'
import { ageOf, table } from '../io/table.ts'
import { writeOut } from '../io/write-out.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import { openDevbox } from '../target.ts'

const HELP = `Shows the TCP ports that are listened on at a devbox, and by whom.

Usage: exec-server ports [options]

${TARGET_HELP}  --json                    a JSON array with all that is known

AGE is that of the process, RUN the run of the server that it belongs to: see "ps". What belongs to other users is shown without
its process. "exec-server forward PORT" brings one here.
`

const options = { ...targetOptions, json: { type: 'boolean' } } as const

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: HELP, options }

/**
 * Runs the command. Resolves with the exit code.
 * @throws {UsageError | CommandError}
 */
export async function ports(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, options)
  if (values.help === true) return writeOut(HELP)
  checkTarget(values)
  if (positionals.length > 0) throw usageError('ports takes no arguments')
  const devbox = await openDevbox(values)
  try {
    if (!devbox.client.extensions.has('ports'))
      throw new CommandError('this server does not tell which ports are listened on', 1, [
        'it is too old, does not run on Linux, or was started with --require-sandbox',
      ])
    const found = await waitingFor('the list of ports', devbox.client.listPorts())
    const width = process.stdout.isTTY ? process.stdout.columns : undefined
    return await writeOut(
      values.json === true ? `${JSON.stringify(found, null, 2)}\n` : portTable(found, Date.now(), width),
    )
  } finally {
    await devbox.close().catch(() => {})
  }
}

const HEAD = ['PORT', 'ADDRESS', 'USER', 'PID', 'RUN', 'AGE', 'COMMAND']

/** Formats the table; `now` is in ms since the epoch. Cuts lines at `width` columns, if given. */
export const portTable = (found: readonly ListeningPort[], now: number, width: number | undefined): string =>
  table(
    HEAD,
    found.map(({ address, port, uid, user, pid, argv, startedAtMs, run }) => [
      String(port),
      isIPv6(address) ? `[${address}]` : address,
      user === null ? String(uid) : escapeControlChars(user),
      String(pid ?? '-'),
      String(run ?? '-'),
      startedAtMs === null ? '-' : ageOf(now - startedAtMs),
      argv === null ? '-' : argv.map(quoteForShell).join(' '),
    ]),
    width,
  )
