/** Starts processes on terminals. */
import { closeSync, constants, openSync } from 'node:fs'
import type { Child, ChildEvents, SpawnSpec } from '../../core/base/host.ts'
import { argv0Command } from './argv0.ts'
import { loginShell } from '../own-user.ts'
import type { SandboxedStart } from './sandboxed-command.ts'
import { trackSandboxed, trackGroup } from '../process-tree/process-tracker.ts'
import type { Group } from '../process-tree/process-tracker.ts'
import { closeDescriptor, closeOnExec, makeBlocking } from '../ffi/libc.ts'
import { exitCode } from '../process-tree/child-exits.ts'
import type { ProcessExit } from '../process-tree/child-exits.ts'
import { hasPosixSpawn, startProcess } from '../process-tree/start-process.ts'
import type { NewProcess } from '../process-tree/start-process.ts'
import { foregroundGroup, signalGroup, systemSignals } from '../process-tree/process-group.ts'
import { checkSize, resolveExecutable } from './resolve-executable.ts'
import { spawnHelper } from './spawn-helper.ts'
import { startTagged } from './start-tagged.ts'
import { ptyAddon } from './pty-addon.ts'
import { internalError } from '../../protocol/wire/errors.ts'
import type { TerminalSize } from '../../protocol/schemas/process.ts'
import { openMaster } from './terminal-reader.ts'
import { terminalWriter } from './terminal-writer.ts'

/** Default size, the same as the reference's: Codex's protocol cannot change it. */
const USUAL: TerminalSize = { rows: 24, columns: 80 }

/** Keeps the server's user and group. */
const SAME_ID = -1

/** Adds SHELL if it is missing, as programs on a terminal expect it; nothing else is added, TERM included. */
export function terminalEnvironment(env: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return env.has('SHELL') ? env : new Map(env).set('SHELL', loginShell().path)
}

/**
 * Starts a command on a new terminal.
 * @throws an error with an errno name in `code`, or an RpcError, if it cannot be started
 */
export async function startOnTerminal(spec: SpawnSpec, events: ChildEvents): Promise<Child> {
  const { file, path } = resolveExecutable(spec)
  if (!hasPosixSpawn()) return forkWithAddon(spec, path, events)
  const { argv, arg0: argv0 = argv[0] as string, cwd, env } = spec
  checkSize(argv, env)
  const terminal = openTerminal(spec.terminalSize)
  // The first terminal that a session leader opens is its controlling one.
  const stdio = [0, 1, 2].map(() => ({ terminal: terminal.pty }))
  const program = { file, argv0, args: argv.slice(1), cwd, env, detached: true, stdio }
  return startOn(terminal, program, trackGroup, events, () => {})
}

/** Starts a command on a new terminal where only the addon can. */
async function forkWithAddon(spec: SpawnSpec, path: string, events: ChildEvents): Promise<Child> {
  const { env, terminalSize: { rows, columns } = USUAL } = spec
  const [file, ...args] = spec.arg0 === undefined ? spec.argv : argv0Command(spec.arg0, path, spec.argv.slice(1))
  checkSize([file as string, ...args], env)
  const addon = ptyAddon()
  const helper = spawnHelper()

  let exited: (exit: ProcessExit) => void = () => {}
  const variables = Array.from(env, ([name, value]) => `${name}=${value}`)
  const forked = (code: number, signal: number): void => exited({ code, signal })
  const { child: forkedChild, tag } = await startTagged(() =>
    inWords(() =>
      addon.fork(file as string, args, variables, spec.cwd, columns, rows, SAME_ID, SAME_ID, false, helper, forked),
    ),
  )
  const { fd, pid, pty } = forkedChild
  // Otherwise every later child inherits the master and keeps this terminal open.
  closeOnExec(fd)
  const followed = followTerminal(fd, pid, trackGroup(pid, tag), events, holdOpen(pty))
  exited = followed.exited
  return followed.child
}

type Terminal = { master: number; slave: number; pty: string }

/** @throws RpcError (internal) */
function openTerminal({ rows, columns }: TerminalSize = USUAL): Terminal {
  const terminal = inWords(() => ptyAddon().open(columns, rows))
  closeOnExec(terminal.master)
  closeOnExec(terminal.slave)
  // The addon makes it non-blocking, which the command would get.
  makeBlocking(terminal.slave)
  return terminal
}

/**
 * Starts a sandbox on a new terminal. The child is only the sandbox process and does not take the controlling terminal:
 * the command inside does, so that job control and Ctrl-C work for it. Rejects if it cannot be started.
 */
export async function startSandboxedOnTerminal(
  command: SandboxedStart,
  size: TerminalSize | undefined,
  events: ChildEvents,
): Promise<Child> {
  const terminal = openTerminal(size)
  const { file, args, descriptors, sharesNetwork, release } = command
  const stdio = [terminal.slave, terminal.slave, terminal.slave, ...descriptors]
  const track = (pid: number, tag: string | undefined): Group => trackSandboxed(pid, tag, sharesNetwork)
  return startOn(terminal, { file, args, cwd: '/', env: new Map(), detached: true, stdio }, track, events, release)
}

/** Starts a program that has the terminal among its descriptors. Owns the terminal, also if it rejects. */
async function startOn(
  { master, slave }: Terminal,
  program: NewProcess,
  track: (pid: number, tag: string | undefined) => Group,
  events: ChildEvents,
  release: () => void,
): Promise<Child> {
  try {
    const { child, tag } = await startTagged(() => startProcess(program))
    await child.started
    const pid = child.pid as number
    const { child: followed, exited } = followTerminal(master, pid, track(pid, tag), events, () =>
      closeDescriptor(slave),
    )
    child.onExit((exit) => {
      release()
      exited(exit)
    })
    return followed
  } catch (error) {
    closeDescriptor(master)
    closeDescriptor(slave)
    throw error
  }
}

type Followed = { child: Child; exited: (exit: ProcessExit) => void }

/**
 * Holds the terminal's slave open until the returned function is called. A child may close all its descriptors of the
 * terminal and go on; if no one held the slave then, the kernel would hang up and send SIGHUP.
 */
function holdOpen(path: string): () => void {
  try {
    const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY)
    return () => closeSync(fd)
  } catch {
    // The child is gone already, or no descriptor is left.
    return () => {}
  }
}

function followTerminal(
  fd: number,
  pid: number,
  group: Group,
  events: ChildEvents,
  releaseSlave: () => void,
): Followed {
  const master = openMaster(fd, (bytes) => {
    events.output('pty', bytes)
    writer.stir()
  })
  const writer = terminalWriter(fd, master, () => events.stdinMoved())
  let reaped = false
  let isHeld = true
  const release = (): void => {
    if (isHeld) releaseSlave()
    isHeld = false
  }

  // A master reports EIO when the last descriptor of its slave is closed.
  master.on('error', () => master.destroy())
  master.on('close', () => {
    release()
    writer.close()
    events.ended()
  })
  const exited = (exit: ProcessExit): void => {
    reaped = true
    release()
    group.reaped()
    writer.close()
    events.exited(exitCode(exit))
  }

  const child: Child = {
    pid,
    write: (bytes) => writer.write(bytes),
    stdinQueued: () => writer.queued(),
    stdinOpen: () => !reaped && !master.destroyed,
    pause: () => void master.pause(),
    resume: () => void master.resume(),
    resize: ({ rows, columns }) => {
      if (!master.destroyed) ptyAddon().resize(fd, columns, rows, 0, 0)
    },
    signal: (name) => {
      const signal = systemSignals[name]
      // Read before the signal is sent: it may end the session of the terminal.
      const job = foregroundGroup(pid)
      group.signal(signal)
      if (job !== undefined && job !== pid) signalGroup(job, signal)
    },
    terminate: group.terminate,
    kill: group.kill,
    abandon: () => void master.destroy(),
    forget: group.forget,
  }
  return { child, exited }
}

function inWords<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw internalError(`cannot open a terminal: ${(error as Error).message}`)
  }
}
