/** The server behind an opened door: loaded after the URL has been told. */
import process from 'node:process'
import { defaultLimits } from '../core/limits.ts'
import type { Limits } from '../core/limits.ts'
import { createExecServer } from '../core/server.ts'
import type { ExecServer } from '../core/server.ts'
import { systemClock } from '../host/clock.ts'
import type { HttpPolicy } from '../host/http-policy.ts'
import { createHost, killAllProcesses } from '../host/index.ts'
import type { SandboxOptions } from '../host/sandboxes.ts'
import type { Listener } from './listener.ts'
import { serveStdio, stdioStreams } from './stdio-door.ts'
import { openWebSocketDoor } from './websocket-door.ts'

/** How long clients have to take our close frame in before the end. */
const GOODBYE_MS = 250

export type ServeOptions = { limits: Partial<Limits>; sandbox: SandboxOptions; httpPolicy: HttpPolicy | undefined }

function createServer({ limits: given, sandbox, httpPolicy }: ServeOptions): ExecServer {
  const limits = { ...defaultLimits, ...given }
  const server = createExecServer({ host: createHost({ sandbox, limits, httpPolicy, report }), clock: systemClock, limits })
  // A fault in what one client does is not the end of the others' processes.
  process.on('uncaughtException', report)
  process.on('unhandledRejection', report)
  // Nobody may be reading our words; to say so would be another of them.
  process.stderr.on('error', () => {})
  return server
}

/** A contained fault of ours: worth a line, never the end. */
function report(fault: unknown): void {
  process.stderr.write(`exec-server: internal error: ${fault instanceof Error ? fault.stack : String(fault)}\n`)
}

/** Serves the parent until it has nothing more to say. Returns what ends it before. */
export function serveParent(options: ServeOptions): () => void {
  const server = createServer(options)
  const end = (): never => {
    server.shutdown()
    killAllProcesses()
    process.exit(0)
  }
  const { input, output } = stdioStreams()
  void serveStdio(server, input, output).then(end)
  return end
}

/** Serves whoever connects. Returns what ends it. */
export function serveNetwork(listener: Listener, options: ServeOptions): () => void {
  const server = createServer(options)
  const door = openWebSocketDoor(server, listener)
  return () => {
    listener.close()
    door.closeIdle()
    server.shutdown()
    killAllProcesses()
    setTimeout(() => process.exit(0), GOODBYE_MS)
    setInterval(() => door.connections() === 0 && process.exit(0), 5)
  }
}
