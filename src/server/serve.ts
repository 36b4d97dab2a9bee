/** The server behind an opened door: loaded after the URL has been told. */
import { stat } from 'node:fs'
import process from 'node:process'
import { defaultLimits } from '../core/base/limits.ts'
import type { Limits } from '../core/base/limits.ts'
import { createExecServer } from '../core/rpc/server.ts'
import type { ExecServer } from '../core/rpc/server.ts'
import { systemClock } from '../host/clock.ts'
import type { HttpPolicy } from '../host/http/http-policy.ts'
import { createHost, killAllProcesses } from '../host/index.ts'
import type { SandboxOptions } from '../host/sandbox/sandboxes.ts'
import type { AuditFile } from './telemetry/audit-file.ts'
import type { Listener } from './http/listener.ts'
import type { LogLevel } from '../base/log-level.ts'
import type { Log } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { observe } from './telemetry/telemetry.ts'
import { serveStdio, stdioStreams } from './transports/stdio.ts'
import { openWebSocketDoor } from './transports/websocket.ts'
import type { DoorOptions } from './transports/websocket.ts'

/** How long clients have to take our close frame in before the end. */
const CLOSE_GRACE_MS = 250

export type ServeOptions = {
  limits: Partial<Limits>
  sandbox: SandboxOptions
  httpPolicy: HttpPolicy | undefined
  logLevel: LogLevel
  auditFile: AuditFile | undefined
}

function createServer({ limits: given, sandbox, httpPolicy, logLevel, auditFile }: ServeOptions): {
  server: ExecServer
  log: Log
} {
  const limits = { ...defaultLimits, ...given }
  const { log, observer, stop } = observe(logLevel, auditFile, limits)
  // A contained fault of ours: worth a line, never the end.
  const report = (fault: unknown): void =>
    log.write('error', 'internalError', { fault: fault instanceof Error ? fault.stack : String(fault) })
  const server = createExecServer({
    host: createHost({ sandbox, limits, httpPolicy, report }),
    clock: systemClock,
    limits,
    observer,
  })
  // The runtime makes its threads with the first call that needs one, and dies if it cannot: now, and not under a client.
  stat('/', () => {})
  // A fault in what one client does is not the end of the others' processes.
  process.on('uncaughtException', report)
  process.on('unhandledRejection', report)
  // Nobody may be reading our words; to say so would be another of them.
  process.stderr.on('error', () => {})
  process.on('exit', stop)
  return { server, log }
}

/** At the first call what runs may come to its own end, at a second one it may not. */
function drainThenEnd(server: ExecServer, log: Log, end: () => void): () => void {
  return () => {
    if (server.isDraining) return end()
    if (server.limits.drainMs > 0) log.write('info', 'draining')
    void server.drain().then(end)
  }
}

/** Calls once, however often it is called. */
function once(call: () => void): () => void {
  let called = false
  return () => {
    if (called) return
    called = true
    call()
  }
}

/** Serves the parent until it has nothing more to say. Returns what is to be called at each signal to stop. */
export function serveParent(options: ServeOptions): () => void {
  const { server, log } = createServer(options)
  log.write('info', 'listening', { url: 'stdio' })
  const end = once(() => {
    log.write('info', 'stopping')
    server.shutdown()
    killAllProcesses()
    process.exit(0)
  })
  const { input, output } = stdioStreams()
  void serveStdio(server, input, output).then(end)
  return drainThenEnd(server, log, end)
}

/** Serves whoever connects. Returns what is to be called at each signal to stop. */
export function serveNetwork(listener: Listener, options: ServeOptions & Omit<DoorOptions, 'metrics'>): () => void {
  const { server, log } = createServer(options)
  log.write('info', 'listening', { url: listener.url })
  const door = openWebSocketDoor(server, listener, { ...options, metrics: createMetrics(server, log.dropped) })
  const end = once(() => {
    log.write('info', 'stopping')
    listener.close()
    door.closeIdle()
    server.shutdown()
    killAllProcesses()
    setTimeout(() => process.exit(0), CLOSE_GRACE_MS)
    setInterval(() => door.connections() === 0 && process.exit(0), 5)
  })
  return drainThenEnd(server, log, end)
}
