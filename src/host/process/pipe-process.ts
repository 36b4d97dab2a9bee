/** Starts processes on pipes. */
import { spawn } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import type { Child, ChildEvents, SpawnSpec } from '../../core/base/host.ts'
import type { SandboxedStart } from './sandboxed-command.ts'
import { trackSandboxed, trackGroup } from '../process-tree/process-tracker.ts'
import type { Group } from '../process-tree/process-tracker.ts'
import { openPipe } from '../ffi/libc.ts'
import { systemSignals } from '../process-tree/process-group.ts'
import { startTagged } from './start-tagged.ts'
import { resolveExecutable } from './resolve-executable.ts'

/**
 * One of the child's three standard streams: the descriptor for the child, the server's end of it, and the descriptors
 * to close if the spawn fails.
 */
type Wire<S> = { child: number | 'pipe'; ours: (process: ChildProcess, index: 0 | 1 | 2) => S; opened: number[] }

/**
 * The runtime's own pipes are socket pairs, which a child cannot reopen by name: `echo x > /dev/stderr` fails. So real
 * pipes are used where foreign functions are available.
 */
function outputWire(): Wire<Readable> {
  const pipe = openPipe()
  if (pipe === undefined)
    return { child: 'pipe', ours: (process, index) => process.stdio[index] as Readable, opened: [] }
  const [read, write] = pipe
  return { child: write, ours: () => new Socket({ fd: read, readable: true, writable: false }), opened: [read, write] }
}

function inputWire(): Wire<Writable> {
  const pipe = openPipe()
  if (pipe === undefined) return { child: 'pipe', ours: (process) => process.stdin as Writable, opened: [] }
  const [read, write] = pipe
  return { child: read, ours: () => new Socket({ fd: write, readable: false, writable: true }), opened: [read, write] }
}

/**
 * Starts a command on pipes.
 * @throws an error with an errno name in `code`, or an RpcError, if it cannot be started
 */
export async function startPiped(spec: SpawnSpec, events: ChildEvents): Promise<Child> {
  const { file } = resolveExecutable(spec)
  const program = {
    file,
    argv0: spec.arg0 ?? (spec.argv[0] as string),
    args: spec.argv.slice(1),
    cwd: spec.cwd,
    env: Object.fromEntries(spec.env),
  }
  const { child, tag, stdin, outputs } = await spawnPiped(program, spec.stdin === 'pipe', [])
  return followChild(child, stdin, outputs, trackGroup(child.pid as number, tag), events)
}

/**
 * Starts a sandbox on pipes, and calls `command.release` when it exits. Rejects, without that call, if it cannot be
 * started; the caller then releases.
 */
export async function startSandboxedPiped(
  pipeStdin: boolean,
  command: SandboxedStart,
  events: ChildEvents,
): Promise<Child> {
  const program = { ...command, argv0: command.file, cwd: '/', env: {} }
  const { child, tag, stdin, outputs } = await spawnPiped(program, pipeStdin, command.descriptors)
  child.once('exit', command.release)
  return followChild(child, stdin, outputs, trackSandboxed(child.pid as number, tag, command.sharesNetwork), events)
}

type Program = { file: string; argv0: string; args: string[]; cwd: string; env: Record<string, string> }
type Piped = {
  child: ChildProcess
  tag: string | undefined
  stdin: Writable | undefined
  outputs: readonly [Readable, Readable]
}

async function spawnPiped(
  { file, args, ...options }: Program,
  pipeStdin: boolean,
  descriptors: number[],
): Promise<Piped> {
  const stdinWire = pipeStdin ? inputWire() : undefined
  const stdoutWire = outputWire()
  const stderrWire = outputWire()
  const wires = [stdinWire, stdoutWire, stderrWire].filter((wire) => wire !== undefined)
  const stdio: StdioOptions = [stdinWire?.child ?? 'ignore', stdoutWire.child, stderrWire.child, ...descriptors]
  let child: ChildProcess
  let tag: string | undefined
  try {
    // `detached`: a session and process group of its own, without a controlling terminal.
    ;({ child, tag } = startTagged(() => spawn(file, args, { ...options, detached: true, stdio })))
    // Some spawn failures arrive as an event after the call.
    if (child.pid === undefined) throw ((await once(child, 'error')) as unknown[])[0]
  } catch (error) {
    for (const fd of wires.flatMap((wire) => wire.opened)) closeSync(fd)
    throw error
  }
  for (const { child: fd } of wires) if (typeof fd === 'number') closeSync(fd)
  const stdin = stdinWire?.ours(child, 0)
  const outputs = [stdoutWire.ours(child, 1), stderrWire.ours(child, 2)] as const
  return { child, tag, stdin, outputs }
}

function followChild(
  process: ChildProcess,
  stdin: Writable | undefined,
  outputs: readonly [Readable, Readable],
  group: Group,
  events: ChildEvents,
): Child {
  let open = outputs.length
  let isPaused = false
  outputs.forEach((output, index) => {
    const stream = index === 0 ? 'stdout' : 'stderr'
    output.on('data', (bytes: Buffer) => events.output(stream, bytes))
    // The runtime resumes its own pipes when the child exits; keep the back-pressure for processes that still write.
    output.on('resume', () => isPaused && output.pause())
    // A read error is an end of file; `close` follows.
    output.on('error', () => output.destroy())
    output.on('close', () => --open === 0 && events.ended())
  })

  // EPIPE: a closed stdin is only noticed at the next write.
  stdin?.on('error', () => stdin.destroy())
  stdin?.on('close', () => events.stdinMoved())
  stdin?.on('drain', () => events.stdinMoved())

  process.on('error', () => {})
  process.on('exit', (code, signal) => {
    group.reaped()
    stdin?.destroy()
    events.exited(signal === null ? (code ?? 0) : 128 + (constants.signals[signal] ?? 0))
  })

  return {
    pid: process.pid,
    write: (bytes) => void stdin?.write(bytes),
    stdinQueued: () => (stdin === undefined || stdin.destroyed ? 0 : stdin.writableLength),
    stdinOpen: () => stdin?.writable ?? false,
    endStdin: () => void stdin?.end(() => stdin.destroy()),
    pause: () => {
      isPaused = true
      for (const output of outputs) output.pause()
    },
    resume: () => {
      isPaused = false
      for (const output of outputs) output.resume()
    },
    signal: (signal) => group.signal(systemSignals[signal]),
    terminate: group.terminate,
    kill: group.kill,
    abandon: () => outputs.forEach((output) => output.destroy()),
    forget: () => {
      stdin?.destroy()
      group.forget()
    },
  }
}
