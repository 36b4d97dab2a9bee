/** Starts processes: with posix_spawn where that is there, else by the runtime. */
import type { Buffer } from 'node:buffer'
import { spawn } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { constants } from 'node:os'
import { isMainThread } from 'node:worker_threads'
import type { Readable, Writable } from 'node:stream'
import { openPipe } from '../ffi/libc.ts'
import { posixSpawn, spawnCalls } from '../ffi/posix-spawn.ts'
import type { SpawnCalls } from '../ffi/posix-spawn.ts'
import { onChildExit, unrefChild, watchExits } from './child-exits.ts'
import type { ProcessExit } from './child-exits.ts'
import { openOutputPipe } from './output-pipe.ts'
import { signalQuietly } from './process-group.ts'

type StdioEntry = 'ignore' | 'pipe' | number | { terminal: string }

/** A process to start. */
export type NewProcess = {
  /** A path. */
  file: string
  /** The path, if it is left out. */
  argv0?: string
  args: readonly string[]
  cwd: string
  env: ReadonlyMap<string, string>
  /**
   * The child's descriptors from 0 on. `pipe` only for the three standard streams, the path of a terminal only where
   * there is posix_spawn. One that is opened in a new session becomes its controlling terminal.
   */
  stdio: readonly StdioEntry[]
  /** In a session of its own, without a controlling terminal. */
  detached: boolean
  /** Gets what it writes to pipes; the bytes are valid during the call only. Without it, the caller reads the streams. */
  onOutput?: OnOutput
}

type OnOutput = (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void

/** A process that was started, or is about to fail. */
export type StartedProcess = {
  /** Undefined if it could not be started. */
  pid: number | undefined
  /** Resolves if it was started. Rejects with an error with an errno name in `code`; nothing is left open then. */
  started: Promise<void>
  stdin: Writable | undefined
  stdout: Readable | undefined
  stderr: Readable | undefined
  /** Calls `exited` once, in a later turn of the event loop. To be called at most once, in the turn of the start. */
  onExit(exited: (exit: ProcessExit) => void): void
  /** Kills it, if it has not exited. */
  kill(): void
  /** The event loop may end while it runs. To be called after {@link StartedProcess.onExit}. */
  unref(): void
}

/** Whether processes are started with posix_spawn here. A worker gets no signals. */
export const hasPosixSpawn = (): boolean => usableCalls() !== undefined

const usableCalls = (): SpawnCalls | undefined => (isMainThread ? spawnCalls() : undefined)

/** Starts a process. Call it where its limits and tag are set, which it inherits within the call. Never throws. */
export function startProcess(program: NewProcess): StartedProcess {
  const wires = openWires(program.stdio)
  const calls = usableCalls()
  try {
    return calls === undefined ? startWithRuntime(program, wires) : startWithSpawn(program, wires, calls)
  } catch (error) {
    for (const { ours } of wires) if (ours !== undefined) closeSync(ours)
    return failedProcess(Promise.reject(error))
  } finally {
    for (const { child, ours } of wires) if (ours !== undefined) closeSync(child as number)
  }
}

/** A descriptor of the child, and our end of it, if it is a pipe that was opened here. */
type Wire = { child: StdioEntry; ours?: number }

/**
 * Opens pipes. The runtime's own are socket pairs, which a child cannot reopen by name: `echo x > /dev/stderr` fails. So
 * real pipes are used where foreign functions are available.
 */
function openWires(stdio: NewProcess['stdio']): Wire[] {
  return stdio.map((what, fd) => {
    const pipe = what === 'pipe' ? openPipe() : undefined
    if (pipe === undefined) return { child: what }
    const [read, write] = pipe
    return fd === 0 ? { child: read, ours: write } : { child: write, ours: read }
  })
}

function startWithSpawn(
  { file, argv0 = file, args, cwd, env, detached, onOutput }: NewProcess,
  wires: Wire[],
  calls: SpawnCalls,
): StartedProcess {
  watchExits()
  const stdio = wires.map(({ child }) => {
    if (child === 'pipe') throw Object.assign(new Error(`spawn ${file} EMFILE`), { code: 'EMFILE' })
    if (child === 'ignore') return '/dev/null'
    return typeof child === 'object' ? child.terminal : child
  })
  const pid = posixSpawn({ file, argv: [argv0, ...args], env: [...env], cwd, stdio, newSession: detached }, calls)
  let [hasExited, listener]: [boolean, ((exit: ProcessExit) => void) | undefined] = [false, undefined]
  let ends: (Socket | undefined)[] = []
  onChildExit(pid, (exit) => {
    hasExited = true
    // Without a write, its end is not noticed.
    ends[0]?.destroy()
    listener?.(exit)
  })
  ends = openEnds(wires, pid, onOutput)
  const [stdin, stdout, stderr] = ends
  return {
    pid,
    started: Promise.resolve(),
    stdin,
    stdout,
    stderr,
    onExit: (exited) => (listener = exited),
    kill: () => void (hasExited || signalQuietly(pid, 'SIGKILL')),
    unref: () => {
      unrefChild(pid)
      for (const stream of [stdin, stdout, stderr]) stream?.unref()
    },
  }
}

/** Opens our ends of the pipes of a process, which is killed if that fails. */
function openEnds(wires: Wire[], pid: number, onOutput: OnOutput | undefined): (Socket | undefined)[] {
  try {
    return wires.map(({ ours }, fd) => (ours === undefined ? undefined : openEnd(ours, fd, onOutput)))
  } catch (error) {
    signalQuietly(pid, 'SIGKILL')
    throw error
  }
}

function openEnd(ours: number, fd: number, onOutput: OnOutput | undefined): Socket {
  if (fd > 0 && onOutput !== undefined) return openOutputPipe(ours, (bytes) => onOutput(outputName(fd), bytes))
  return new Socket({ fd: ours, readable: fd > 0, writable: fd === 0 })
}

const outputName = (fd: number): 'stdout' | 'stderr' => (fd === 1 ? 'stdout' : 'stderr')

function startWithRuntime({ file, args, env, onOutput, ...options }: NewProcess, wires: Wire[]): StartedProcess {
  const stdio: StdioOptions = wires.map(({ child }) => {
    if (typeof child === 'object') throw new Error('the runtime starts no process on a terminal')
    return child
  })
  const child = spawn(file, args, { ...options, env: Object.fromEntries(env), stdio })
  if (child.pid === undefined) {
    for (const { ours } of wires) if (ours !== undefined) closeSync(ours)
    return failedProcess(failureOf(child))
  }
  child.on('error', () => {})
  child.once('exit', () => ends[0]?.destroy())
  const ends = openEnds(wires, child.pid, onOutput)
  if (onOutput !== undefined)
    for (const name of ['stdout', 'stderr'] as const) child[name]?.on('data', (bytes: Buffer) => onOutput(name, bytes))
  return {
    pid: child.pid,
    started: Promise.resolve(),
    stdin: ends[0] ?? child.stdin ?? undefined,
    stdout: ends[1] ?? child.stdout ?? undefined,
    stderr: ends[2] ?? child.stderr ?? undefined,
    onExit: (exited) =>
      void child.once('exit', (code, signal) =>
        exited({ code: code ?? 0, signal: signal === null ? 0 : constants.signals[signal] }),
      ),
    kill: () => void child.kill('SIGKILL'),
    unref: () => {
      child.unref()
      for (const stream of [...ends, ...child.stdio]) if (stream && 'unref' in stream) (stream as Socket).unref()
    },
  }
}

/** Some failures arrive as an event after the call. */
async function failureOf(child: ChildProcess): Promise<void> {
  throw ((await once(child, 'error')) as unknown[])[0]
}

function failedProcess(started: Promise<void>): StartedProcess {
  // Only those that need the reason handle it.
  started.catch(() => {})
  return {
    ...{ pid: undefined, stdin: undefined, stdout: undefined, stderr: undefined },
    started,
    onExit: () => {},
    kill: () => {},
    unref: () => {},
  }
}

/**
 * Resolves when a process has exited, and everything that it left running has closed its output, which must be read. Not
 * if it could not be started.
 */
export async function untilClosed({ stdout, stderr, onExit }: StartedProcess): Promise<ProcessExit> {
  const { promise: exited, resolve } = Promise.withResolvers<ProcessExit>()
  onExit(resolve)
  const closed = [stdout, stderr].map(
    (stream) => stream && new Promise<void>((close) => void stream.once('close', () => close())),
  )
  const [exit] = await Promise.all([exited, ...closed])
  return exit
}

/** How a process ended, for an error message. */
export const describeExit = ({ code, signal }: ProcessExit): string => {
  if (signal === 0) return `exit status: ${code}`
  const [name = signal] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? []
  return `signal: ${name}`
}
