/** `exec-server logs`: shows the output of a run. */
import type { ExecClient, LogEntry, LogOptions } from '../../../client/base/types.ts'
import type { CommandManual } from '../../manual/manual.ts'
import { OUTPUT_ROOM } from '../base/limits.ts'
import { BROKEN_PIPE, FdWriteError, fdWriter } from '../io/fd-writer.ts'
import { printStderr } from '../io/stderr.ts'
import { writeOut } from '../io/write-out.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import { openRunning } from '../target.ts'
import { lastLines } from './last-lines.ts'
import { orNoSuchRun, runReference } from '../run/run-reference.ts'
import type { RunReference } from '../run/run-reference.ts'

const HELP = `Shows the output of a process on a devbox, from the first that is kept on.

Usage: exec-server logs [options] RUN

${TARGET_HELP}  -f, --follow              go on until it has ended
  --tail N                  begin with the last N lines
  --since TIME              leave out what is older: 90s, 10m, 2h or 3d ago, or a date such as 2026-11-28T20:00:00Z

What it wrote to stderr goes to stderr. What is no longer kept is named there, too, with its size.
Without a devbox it is a process of the server that you run on this machine, if there is one.
`

const options = {
  ...targetOptions,
  follow: { type: 'boolean', short: 'f' },
  tail: { type: 'string' },
  since: { type: 'string' },
} as const

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: HELP, options }

/**
 * Runs the command. Resolves with the exit code.
 * @throws {UsageError | CommandError}
 */
export async function logs(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, options)
  if (values.help === true) return writeOut(HELP)
  checkTarget(values)
  if (positionals.length !== 1) throw usageError('logs takes one RUN')
  const run = runReference(positionals[0] as string)
  const tail = values.tail === undefined ? undefined : lineCount(values.tail)
  const since = values.since === undefined ? undefined : timeOf(values.since, Date.now())
  const devbox = await openRunning(values, { isImplicit: true })
  try {
    const range: LogOptions = { follow: values.follow === true, ...(since === undefined ? {} : { since }) }
    if (tail !== undefined) range.position = await lastLines(devbox.client, run, tail)
    return await show(devbox.client, run, range)
  } catch (error) {
    throw orNoSuchRun(error, run)
  } finally {
    await devbox.close().catch(() => {})
  }
}

async function show(client: ExecClient, run: RunReference, range: LogOptions): Promise<number> {
  const failure = new AbortController()
  const failed = (error: FdWriteError): void => failure.abort(error)
  const [stdout, stderr] = [fdWriter(1, 'stdout', OUTPUT_ROOM, failed), fdWriter(2, 'stderr', OUTPUT_ROOM, failed)]
  const take = async (entry: LogEntry): Promise<void> => {
    if (entry.type === 'dropped') printStderr(`${entry.bytes} bytes are no longer kept here`)
    else await (entry.stream === 'stderr' ? stderr : stdout).push(entry.bytes)
  }
  try {
    for await (const entry of client.logs(run, { ...range, signal: failure.signal })) await take(entry)
    await Promise.all([stdout.flush(), stderr.flush()])
    return 0
  } catch (error) {
    if (error instanceof FdWriteError && error.isGone) return BROKEN_PIPE
    throw error
  }
}

function lineCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw usageError(`--tail takes a number of lines, not '${text}'`)
  return Number(text)
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Parses a time: how long before `now`, or a date. In milliseconds since the epoch.
 * @throws {UsageError}
 */
export function timeOf(text: string, now: number): number {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  const time = count === undefined ? Date.parse(text) : now - Number(count) * (UNITS[unit] ?? 0)
  if (Number.isNaN(time)) throw usageError(`--since takes a time such as 10m or 2026-11-28T20:00:00Z, not '${text}'`)
  return time
}
