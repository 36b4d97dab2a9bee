/** Runs a command of the command line. */
import process from 'node:process'
import { defaultLimits } from '../core/limits.ts'
import { createExecServer } from '../core/server.ts'
import type { ExecServer } from '../core/server.ts'
import { systemClock } from '../host/clock.ts'
import { createHost, killAllProcesses } from '../host/index.ts'
import { osErrorText, errorCode } from '../host/os-error.ts'
import { HELP, parseCommand, UsageError } from './arguments.ts'
import type { Command } from './arguments.ts'
import { serveStdio, stdioStreams } from './stdio-door.ts'
import { version } from './version.ts'
import { openWebSocketDoor } from './websocket-door.ts'

/** How long clients have to take our close frame in before the end. */
const GOODBYE_MS = 250

export async function run(args: readonly string[]): Promise<void> {
  if (process.platform === 'win32') return fail('exec-server does not run on Windows; run it inside WSL', 1)
  try {
    await follow(parseCommand(args))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    fail(error.message, error.exitCode)
  }
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`${message}\n`)
  process.exitCode = exitCode
}

async function follow(command: Command): Promise<void> {
  switch (command.kind) {
    case 'help':
      return void process.stdout.write(HELP)
    case 'version':
      return void process.stdout.write(`exec-server ${version}\n`)
    case 'serve': {
      const limits = { ...defaultLimits, ...command.limits }
      const server = createExecServer({ host: createHost(report), clock: systemClock, limits })
      // A fault in what one client does is not the end of the others' processes.
      process.on('uncaughtException', report)
      process.on('unhandledRejection', report)
      // Nobody may be reading our words; to say so would be another of them.
      process.stderr.on('error', () => {})
      return command.listen.kind === 'stdio' ? serveParent(server) : serveNetwork(server, command.listen.address, command.listen.port)
    }
  }
}

async function serveParent(server: ExecServer): Promise<void> {
  onStopSignal(() => end(server))
  const { input, output } = stdioStreams()
  await serveStdio(server, input, output)
  end(server)
}

async function serveNetwork(server: ExecServer, address: string, port: number): Promise<void> {
  const door = await openWebSocketDoor(server, address, port).catch((error: unknown) => {
    const code = errorCode(error)
    throw new UsageError(`Error: cannot listen on ${address}:${port}: ${code === undefined ? String(error) : osErrorText(code)}`, 1)
  })
  onStopSignal(() => {
    door.close()
    server.shutdown()
    killAllProcesses()
    const deadline = setTimeout(() => process.exit(0), GOODBYE_MS)
    const poll = setInterval(() => door.connections() === 0 && process.exit(0), 5)
    void [deadline, poll]
  })
  process.stdout.write(`${door.url}\n`)
}

function end(server: ExecServer): never {
  server.shutdown()
  killAllProcesses()
  process.exit(0)
}

function onStopSignal(stop: () => void): void {
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      stop()
    })
  }
}

/** A contained fault of ours: worth a line, never the end. */
function report(fault: unknown): void {
  process.stderr.write(`exec-server: internal error: ${fault instanceof Error ? fault.stack : String(fault)}\n`)
}
