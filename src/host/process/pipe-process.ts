/** Starts processes on pipes. */
import type { Readable, Writable } from 'node:stream'
import type { Child, ChildEvents, SpawnSpec } from '../../core/base/host.ts'
import type { SandboxedStart } from './sandboxed-command.ts'
import { trackSandboxed, trackGroup } from '../process-tree/process-tracker.ts'
import type { Group } from '../process-tree/process-tracker.ts'
import { systemSignals } from '../process-tree/process-group.ts'
import { exitCode } from '../process-tree/child-exits.ts'
import { startProcess } from '../process-tree/start-process.ts'
import type { NewProcess, StartedProcess } from '../process-tree/start-process.ts'
import { startTagged } from './start-tagged.ts'
import { resolveExecutable } from './resolve-executable.ts'

/**
 * Starts a command on pipes.
 * @throws an error with an errno name in `code`, or an RpcError, if it cannot be started
 */
export async function startPiped(spec: SpawnSpec, events: ChildEvents): Promise<Child> {
  const { file } = resolveExecutable(spec)
  const child = await spawnPiped(
    { file, argv0: spec.arg0 ?? (spec.argv[0] as string), args: spec.argv.slice(1), cwd: spec.cwd, env: spec.env },
    spec.stdin === 'pipe',
    [],
    events,
  )
  return followChild(child, trackGroup(child.pid, child.tag), events)
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
  const { file, args, descriptors } = command
  const child = await spawnPiped({ file, args, cwd: '/', env: new Map() }, pipeStdin, descriptors, events)
  return followChild(child, trackSandboxed(child.pid, child.tag, command.sharesNetwork), events, command.release)
}

type Piped = {
  pid: number
  tag: string | undefined
  stdin: Writable | undefined
  outputs: readonly [Readable, Readable]
  onExit: StartedProcess['onExit']
}

async function spawnPiped(
  program: Omit<NewProcess, 'stdio' | 'detached'>,
  pipeStdin: boolean,
  descriptors: readonly number[],
  events: ChildEvents,
): Promise<Piped> {
  const { child, tag } = await startTagged(() =>
    startProcess({
      ...program,
      // A session and process group of its own, without a controlling terminal.
      detached: true,
      stdio: [pipeStdin ? 'pipe' : 'ignore', 'pipe', 'pipe', ...descriptors],
      onOutput: (stream, bytes) => events.output(stream, bytes),
    }),
  )
  await child.started
  const { pid, stdin, stdout, stderr, onExit } = child
  return { pid: pid as number, tag, stdin, outputs: [stdout as Readable, stderr as Readable], onExit }
}

function followChild(
  { pid, stdin, outputs, onExit }: Piped,
  group: Group,
  events: ChildEvents,
  release?: () => void,
): Child {
  let open = outputs.length
  let isPaused = false
  for (const output of outputs) {
    // The runtime resumes its own pipes when the child exits; keep the back-pressure for processes that still write.
    output.on('resume', () => isPaused && output.pause())
    // A read error is an end of file; `close` follows.
    output.on('error', () => output.destroy())
    output.on('close', () => --open === 0 && events.ended())
  }

  // EPIPE: a closed stdin is only noticed at the next write.
  stdin?.on('error', () => stdin.destroy())
  stdin?.on('close', () => events.stdinMoved())
  stdin?.on('drain', () => events.stdinMoved())

  onExit((exit) => {
    release?.()
    group.reaped()
    stdin?.destroy()
    events.exited(exitCode(exit))
  })

  return {
    pid,
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
