/** `exec-server run`: runs a command on a devbox as if it ran here. */
import { constants } from 'node:os'
import process from 'node:process'
import { isatty } from 'node:tty'
import type { CommandManual } from '../../manual/manual.ts'
import type { ExecClient, RemoteProcess, StartOptions } from '../../../client/base/types.ts'
import { pipeOutput } from '../io/pipe-output.ts'
import { OWN_FAILURE } from '../base/command-error.ts'
import { exitBySignal } from '../io/exit-by-signal.ts'
import { interruptCounter } from './interrupts.ts'
import { EXIT_GRACE_MS, HANGUP_GRACE_MS } from '../base/limits.ts'
import { BROKEN_PIPE, FdWriteError } from '../io/fd-writer.ts'
import { parseRun, RUN_HELP, runOptions } from './run-arguments.ts'
import type { RunArguments } from './run-arguments.ts'
import { forwardSignals } from './signals.ts'
import type { ForwardedSignal } from './signals.ts'
import { startProcess } from './start.ts'
import { feedStdin, isStdinEmpty } from '../io/stdin.ts'
import { openDevbox } from '../target.ts'
import { onResize, rawMode, terminalSize } from '../io/terminal.ts'
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
  const options = parseRun(args)
  if (options === undefined) return writeOut(RUN_HELP)
  const devbox = await openDevbox(options.target)
  const signals = new Set<ForwardedSignal>()
  let exitCode: number
  try {
    exitCode = await runRemote(devbox.client, options, signals)
  } finally {
    await devbox.close().catch(() => {})
  }
  if (exitCode === INTERRUPTED && signals.has('SIGINT') && isatty(2)) exitBySignal('SIGINT')
  return exitCode < 0 ? OWN_FAILURE : exitCode
}

/** Runs the remote command and resolves with its exit code. Adds the signals received to `signals`. */
async function runRemote(client: ExecClient, options: RunArguments, signals: Set<ForwardedSignal>): Promise<number> {
  const { isTerminal } = options
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
  const interrupts = interruptCounter(
    client,
    () => phase === 'starting',
    () => endWith(INTERRUPTED),
  )
  const raw = isTerminal && isatty(0) ? rawMode() : undefined
  const cleanups: (() => void)[] = [() => raw?.leave()]
  cleanups.push(
    forwardSignals({
      client,
      process: started.promise,
      stopsProcess: !isTerminal,
      onStop: () => raw?.leave(),
      onContinue: () => phase === 'running' && raw?.enter(),
      onSignal: (name) => {
        signals.add(name)
        if (phase === 'exited') exitSoon(name)
        // Before the start there is no process to forward the signal to: give up.
        if (phase === 'starting' && (name === 'SIGTERM' || name === 'SIGHUP'))
          endWith(BY_SIGNAL + constants.signals[name])
        if (name === 'SIGHUP' && isTerminal) setTimeout(endWith, HANGUP_GRACE_MS, HUNG_UP).unref()
        return name === 'SIGINT' && interrupts.count()
      },
    }),
  )
  process.on('uncaughtException', endWith)
  cleanups.push(() => process.off('uncaughtException', endWith))
  if (!isTerminal && isatty(2)) cleanups.push(watchConnection(client))
  try {
    // Listen before the size is read, so that no change is missed.
    if (isTerminal)
      cleanups.push(onResize((size) => void started.promise.then((handle) => handle.resize(size)).catch(() => {})))
    const start = await startOptions(client, options)
    const handle = await startProcess(client, start, ending.signal)
    started.resolve(handle)
    phase = 'running'
    // Track the exit separately: the output may lag behind when our readers are slow.
    const exited = handle.wait().then(({ exitCode }) => {
      phase = 'exited'
      // As in a shell, do not wait for background children in a terminal, or for ones that ignored the signal.
      if (isTerminal || (exitCode > BY_SIGNAL && signals.size > 0)) leaving.abort()
    })
    exited.catch(() => {})
    raw?.enter()
    const filter = raw === undefined ? undefined : interrupts.countKeys
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

async function startOptions(client: ExecClient, { argv, cwd, env, isTerminal }: RunArguments): Promise<StartOptions> {
  if (!isTerminal)
    return { argv, cwd, env, stdin: client.extensions.has('closeStdin') || !(await isStdinEmpty()) ? 'pipe' : 'closed' }
  const { TERM } = process.env
  return { argv, cwd, env: TERM === undefined ? env : { TERM, ...env }, tty: terminalSize() ?? true }
}
