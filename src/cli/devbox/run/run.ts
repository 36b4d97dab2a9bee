/** `exec-server run`: runs a command on a devbox as if it ran here. */
import { constants } from 'node:os'
import process from 'node:process'
import { isatty } from 'node:tty'
import type { CommandManual } from '../../manual/manual.ts'
import type { ExecClient, RemoteProcess } from '../../../client/base/types.ts'
import { pipeOutput } from '../io/pipe-output.ts'
import { OWN_FAILURE } from '../base/command-error.ts'
import { exitBySignal } from '../io/exit-by-signal.ts'
import { escapeKeys, escapeList } from './escape-keys.ts'
import { createLeaving } from './leaving.ts'
import { EXIT_GRACE_MS, HANGUP_GRACE_MS, LEAVE_CLOSE_MS, WAITING_MS } from '../base/limits.ts'
import { BROKEN_PIPE, FdWriteError } from '../io/fd-writer.ts'
import { misplacedText, parseRun, RUN_HELP, runOptions } from './run-arguments.ts'
import type { RunArguments } from './run-arguments.ts'
import { waitingFor } from '../io/say-waiting.ts'
import { forwardSignals } from './signals.ts'
import type { ForwardedSignal } from './signals.ts'
import { startProcess } from './start.ts'
import { startOptions } from './start-options.ts'
import { printRawStderr, printStderr } from '../io/stderr.ts'
import { feedStdin } from '../io/stdin.ts'
import { openDevbox } from '../target.ts'
import type { Devbox } from '../target.ts'
import { onResize, rawMode } from '../io/terminal.ts'
import { endAfter } from './timeout.ts'
import { watchConnection } from '../watch-connection.ts'
import { writeOut } from '../io/write-out.ts'

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: RUN_HELP, options: runOptions, operands: 'command' }

/** A shell's exit code for signal n is 128 + n. */
const BY_SIGNAL = 128
const HUNG_UP = 129
const INTERRUPTED = 130

/**
 * Runs the command. Resolves with the exit code of the remote command.
 * @throws {UsageError | CommandError}
 */
export async function run(args: readonly string[]): Promise<number> {
  const options = parseRun(args, isatty(0))
  if (options === undefined) return writeOut(RUN_HELP)
  const hints = options.misplaced === undefined ? [] : [misplacedText(options.misplaced)]
  const devbox = await openDevbox(options.target, { hints })
  for (const hint of hints) printStderr(hint)
  const state: RunState = { signals: new Set(), isLeft: false }
  let exitCode: number
  try {
    if (options.detached !== undefined) return await runDetached(devbox.client, options)
    exitCode = await runRemote(devbox.client, options, state)
  } finally {
    await close(devbox, state)
  }
  if (exitCode === INTERRUPTED && state.signals.has('SIGINT') && isatty(2)) exitBySignal('SIGINT')
  return exitCode < 0 ? OWN_FAILURE : exitCode
}

/** Starts the command for the server, and prints how it is called. */
async function runDetached(client: ExecClient, options: RunArguments): Promise<number> {
  const { detached } = options
  const { stdin: _, ...start } = await startOptions(client, options)
  const starting = startProcess(client, start, () => client.startDetached({ ...start, ...detached }))
  const { run } = await waitingFor('the devbox to start the command', starting)
  return writeOut(`${detached?.name ?? run}\n`)
}

/** What has happened: signals received, and whether we leave without waiting for the devbox. */
type RunState = { signals: Set<ForwardedSignal>; isLeft: boolean }

/** Ends what runs there. The devbox may not answer if we have left: it has been told. */
async function close(devbox: Devbox, { isLeft }: RunState): Promise<void> {
  const closed = devbox.close().catch(() => {})
  await (isLeft ? Promise.race([closed, new Promise((resolve) => setTimeout(resolve, LEAVE_CLOSE_MS))]) : closed)
}

/** Runs the remote command and resolves with its exit code. */
async function runRemote(client: ExecClient, options: RunArguments, state: RunState): Promise<number> {
  const { isTerminal, timeoutMs } = options
  const { signals } = state
  const started = Promise.withResolvers<RemoteProcess>()
  started.promise.catch(() => {})
  /** Signals reach the command only while it is running. */
  let phase: 'starting' | 'running' | 'exited' = 'starting'
  const ending = new AbortController()
  const leaving = new AbortController()
  const exitSoon = (signal: NodeJS.Signals): void => {
    leaving.abort()
    setTimeout(() => {
      raw?.leave()
      exitBySignal(signal)
    }, EXIT_GRACE_MS)
  }
  const endWith = (reason: unknown): void => ending.abort(reason)
  const leaveWith = (exitCode: number): void => {
    state.isLeft = true
    endWith(exitCode)
  }
  const raw = isTerminal && isatty(0) ? rawMode() : undefined
  const say = (message: string): void => {
    if (raw?.isRaw === true) printRawStderr(message)
    else if (isatty(2)) printStderr(message)
  }
  const leaver = createLeaving({ client, isStarting: () => phase === 'starting', giveUp: leaveWith, say })
  const cleanups: (() => void)[] = [() => raw?.leave(), leaver.end]
  cleanups.push(
    forwardSignals({
      client,
      process: started.promise,
      stopsProcess: !isTerminal,
      onStop: () => raw?.leave(),
      onContinue: () => phase === 'running' && raw?.enter(),
      onSignal: (name) => {
        signals.add(name)
        const exitCode = BY_SIGNAL + constants.signals[name]
        if (phase === 'exited') exitSoon(name)
        // Before the start there is no process to forward the signal to: give up.
        if (phase === 'starting' && name === 'SIGTERM') leaveWith(exitCode)
        if (name === 'SIGHUP') {
          leaver.hangUp(exitCode)
          if (isTerminal) setTimeout(endWith, HANGUP_GRACE_MS, HUNG_UP).unref()
        }
        return (name === 'SIGINT' || name === 'SIGTERM') && leaver.interrupt(exitCode)
      },
    }),
  )
  process.on('uncaughtException', endWith)
  cleanups.push(() => process.off('uncaughtException', endWith))
  cleanups.push(watchConnection(client, { say, afterMs: isTerminal ? WAITING_MS : 0 }))
  try {
    // Listen before the size is read, so that no change is missed.
    if (isTerminal)
      cleanups.push(onResize((size) => void started.promise.then((handle) => handle.resize(size)).catch(() => {})))
    const start = await startOptions(client, options)
    const handle = await waitingFor(
      'the devbox to start the command',
      startProcess(client, start, () => client.start(start, { signal: ending.signal })),
    )
    started.resolve(handle)
    phase = 'running'
    // Track the exit separately: the output may lag behind when our readers are slow.
    const exited = handle.wait().then(({ exitCode }) => {
      phase = 'exited'
      // As in a shell, do not wait for background children in a terminal, or for ones that ignored the signal.
      if (isTerminal || (exitCode > BY_SIGNAL && signals.size > 0)) leaving.abort()
    })
    exited.catch(() => {})
    if (timeoutMs !== undefined) cleanups.push(endAfter(timeoutMs, client, handle, leaveWith))
    raw?.enter()
    const escapes = escapeKeys({
      leave: () => {
        printRawStderr('left the devbox')
        leaveWith(OWN_FAILURE)
      },
      suspend: () => process.kill(process.pid, 'SIGTSTP'),
      list: () => printRawStderr(escapeList('leaves, and ends the command').join('\n')),
    })
    const filter = raw === undefined ? undefined : (bytes: Uint8Array) => leaver.countKeys(escapes(bytes))
    if (isTerminal || start.stdin === 'pipe') void feedStdin({ process: handle, isTerminal, filter })
    return await pipeOutput({ client, process: handle, leave: leaving.signal, signal: ending.signal })
  } catch (error) {
    started.reject(error)
    if (typeof error === 'number') return error
    if (error instanceof FdWriteError && error.isGone) return BROKEN_PIPE
    throw error
  } finally {
    for (const clean of cleanups) clean()
  }
}
