/** `exec-server attach`: shows the output of any client's process, and forwards our stdin to it. */
import process from 'node:process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { withoutIgnored } from '../../../base/own-process.ts'
import type { ExecClient, ListedProcess } from '../../../client/base/types.ts'
import type { CommandManual } from '../../manual/manual.ts'
import { pipeOutput } from '../io/pipe-output.ts'
import { OWN_FAILURE } from '../base/command-error.ts'
import { detachKeys } from './detach-keys.ts'
import { escapeKeys, escapeList } from './escape-keys.ts'
import { createLeaving } from './leaving.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import { BROKEN_PIPE, FdWriteError } from '../io/fd-writer.ts'
import { drawScreen, RESET } from './draw-screen.ts'
import { findRun, runReference } from './run-reference.ts'
import { printRawStderr, printStderr } from '../io/stderr.ts'
import { waitingFor } from '../io/say-waiting.ts'
import { feedStdin } from '../io/stdin.ts'
import { openRunning } from '../target.ts'
import { onResize, rawMode, terminalSize } from '../io/terminal.ts'
import { writeOut } from '../io/write-out.ts'

const HELP = `Joins a process that somebody has started on a devbox.

Usage: exec-server attach [options] RUN

${TARGET_HELP}
Its output comes from the first that its server still keeps on, about a megabyte (see logs for all of it). On a terminal, what
its terminal shows is drawn first, whatever came before. Stdin goes to it, if it has a terminal or a
pipe there; the end of ours does not end it. A terminal takes the size of this one. The exit code is the process's; 255 says
that the devbox could not be reached, or was lost.
Ctrl-P Ctrl-Q, or ~. at the beginning of a line, leaves it, and it goes on; where it has no terminal, Ctrl-C does. ~? lists more.
`

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: HELP, options: targetOptions }

/**
 * Runs the command. Resolves with the exit code, 0 after a detach.
 * @throws {UsageError | CommandError}
 */
export async function attach(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, targetOptions)
  if (values.help === true) return writeOut(HELP)
  checkTarget(values)
  if (positionals.length !== 1) throw usageError('attach takes one RUN')
  const run = runReference(positionals[0] as string)
  const devbox = await openRunning(values)
  try {
    return await attachTo(devbox.client, await waitingFor('the list of runs', findRun(devbox.client, run)))
  } finally {
    await devbox.close().catch(() => {})
  }
}

class Detached {}

/** Leaves at Ctrl-P Ctrl-Q, at `~.`, and at the second Ctrl-C that the devbox does not answer. */
function keyFilter(client: ExecClient, detach: () => void): (bytes: Uint8Array) => Uint8Array {
  const keys = detachKeys(detach)
  const escapes = escapeKeys({
    leave: detach,
    suspend: () => process.kill(process.pid, 'SIGTSTP'),
    list: () => printRawStderr(escapeList('leaves it, and it goes on, as Ctrl-P Ctrl-Q').join('\n')),
  })
  const { countKeys } = createLeaving({ client, isStarting: () => false, giveUp: detach, say: printRawStderr })
  return (bytes) => countKeys(escapes(keys(bytes)))
}

async function attachTo(client: ExecClient, { run, tty: isTerminal }: ListedProcess): Promise<number> {
  const isDrawn = isTerminal && isatty(1) && client.extensions.has('snapshot')
  const ending = new AbortController()
  const raw = isTerminal && isatty(0) ? rawMode() : undefined
  const cleanups: (() => void)[] = [() => raw?.leave()]
  const on = (signal: NodeJS.Signals, handle: () => void): void => {
    process.on(signal, handle)
    cleanups.push(() => process.off(signal, handle))
  }
  for (const signal of withoutIgnored(['SIGINT', 'SIGTERM', 'SIGHUP']))
    on(signal, () => ending.abort(128 + constants.signals[signal]))
  on('SIGCONT', () => raw?.enter())
  on('SIGTSTP', () => {
    raw?.leave()
    process.kill(process.pid, 'SIGSTOP')
  })
  try {
    const handle = await client.attach(run)
    const resize = (size = terminalSize()): void => {
      if (size !== undefined) void handle.resize(size).catch(() => {})
    }
    if (isTerminal) {
      resize()
      cleanups.push(onResize(resize))
    }
    raw?.enter()
    const afterSeq = isDrawn ? await drawScreen(handle) : 0
    const filter = raw === undefined ? undefined : keyFilter(client, () => ending.abort(new Detached()))
    void feedStdin({ process: handle, isTerminal, filter, passesEnd: false })
    let isWarned = raw !== undefined || !isatty(2)
    const onLost = (): void => {
      if (!isWarned) printStderr('its earlier output is no longer kept')
      isWarned = true
    }
    const leave = isTerminal ? AbortSignal.abort() : undefined
    const exitCode = await pipeOutput({ client, process: handle, afterSeq, leave, signal: ending.signal, onLost })
    return exitCode < 0 ? OWN_FAILURE : exitCode
  } catch (error) {
    if (isDrawn) await writeOut(RESET)
    raw?.leave()
    if (typeof error === 'number') return error
    if (error instanceof FdWriteError && error.isGone) return BROKEN_PIPE
    if (!(error instanceof Detached)) throw error
    if (isatty(2)) printStderr(`left run ${run}, which goes on`)
    return 0
  } finally {
    for (const clean of cleanups) clean()
  }
}
