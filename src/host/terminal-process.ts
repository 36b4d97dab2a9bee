/** A process on a terminal. */
import type { Child, ChildEvents, SpawnSpec } from '../core/host.ts'
import { argv0Command } from './argv0.ts'
import { loginShell } from './environment-info.ts'
import { trackGroup } from './groups.ts'
import { closeOnExec } from './libc.ts'
import { foregroundGroup, signalGroup } from './process-group.ts'
import { checkSize, findProgram } from './program.ts'
import { ptyAddon } from './pty-addon.ts'
import { internalError } from '../protocol/errors.ts'
import { openMaster } from './terminal-reader.ts'
import { terminalWriter } from './terminal-writer.ts'

/** The reference's size; the protocol has no way to change it. */
const COLUMNS = 80
const ROWS = 24

/** Keep the server's user and group. */
const SAME_ID = -1

export async function startOnTerminal(spec: SpawnSpec, events: ChildEvents): Promise<Child> {
  const { path } = findProgram(spec)
  const env = new Map(spec.env)
  // A terminal's children expect to know the user's shell; nothing else is added, TERM included.
  if (!env.has('SHELL')) env.set('SHELL', loginShell().path)
  const [file, ...args] = spec.arg0 === undefined ? spec.argv : argv0Command(spec.arg0, path, spec.argv.slice(1))
  checkSize([file as string, ...args], env)
  const addon = ptyAddon()

  let exited: (code: number, signal: number) => void = () => {}
  const variables = Array.from(env, ([name, value]) => `${name}=${value}`)
  const terminal = fork(() =>
    addon.fork(file as string, args, variables, spec.cwd, COLUMNS, ROWS, SAME_ID, SAME_ID, false, '', (code, signal) => exited(code, signal)),
  )
  const { fd, pid } = terminal
  // Without this every later child would hold this terminal open.
  closeOnExec(fd)
  const group = trackGroup(pid)

  const master = openMaster(fd, (bytes) => {
    events.output('pty', bytes)
    writer.stir()
  })
  const writer = terminalWriter(fd, master, () => events.stdinMoved())
  let reaped = false

  // EIO is how a master learns that nobody holds the other side any more.
  master.on('error', () => master.destroy())
  master.on('close', () => {
    writer.close()
    events.ended()
  })
  exited = (code, signal) => {
    reaped = true
    group.reaped()
    writer.close()
    events.exited(signal > 0 ? 128 + signal : code)
  }

  return {
    write: (bytes) => writer.write(bytes),
    stdinQueued: () => writer.queued(),
    stdinOpen: () => !reaped && !master.destroyed,
    pause: () => void master.pause(),
    resume: () => void master.resume(),
    interrupt: () => {
      group.interrupt()
      const job = foregroundGroup(pid)
      if (job !== undefined && job !== pid) signalGroup(job, 'SIGINT')
    },
    kill: group.kill,
    abandon: () => void master.destroy(),
    forget: group.forget,
  }
}

function fork<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw internalError(`cannot open a terminal: ${(error as Error).message}`)
  }
}
