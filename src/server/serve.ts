/** The server behind a listener that is already open; loaded after the URL is printed. */
import { stat } from 'node:fs'
import process from 'node:process'
import type { AllowedStarts } from '../core/base/host.ts'
import type { Limits } from '../core/base/limits.ts'
import type { PathMap } from '../protocol/schemas/path-map.ts'
import { createExecServer } from '../core/rpc/server.ts'
import type { ExecServer } from '../core/rpc/server.ts'
import { systemClock } from '../host/clock.ts'
import { once } from '../base/once.ts'
import { exitWhenIdle } from './idle-exit.ts'
import type { IdleOptions } from './idle-exit.ts'
import type { HttpPolicy } from '../host/http/http-policy.ts'
import type { ForwardOptions } from '../host/net/net-host.ts'
import { createHost, killAllProcesses } from '../host/index.ts'
import { settleLater } from '../host/memory-pressure.ts'
import type { RunDirectory } from '../host/runs/run-directory.ts'
import type { Recordings } from '../host/recording/recordings.ts'
import type { HostLimits } from '../host/limits.ts'
import type { SandboxOptions } from '../host/sandbox/sandboxes.ts'
import type { AuditFile } from './telemetry/audit-file.ts'
import { whenFirstUsed } from './http/listener.ts'
import type { Listener } from './http/listener.ts'
import { plainOpener } from './http/socket-opener.ts'
import type { SocketOpener } from './http/socket-opener.ts'
import type { LogLevel } from '../base/log-level.ts'
import type { ServerLimits } from './limits.ts'
import { previewOf } from './preview/source.ts'
import type { Log } from './telemetry/log.ts'
import { createMetrics } from './telemetry/metrics.ts'
import { createRefusals } from './telemetry/refusals.ts'
import { createTelemetry } from './telemetry/telemetry.ts'
import { serveTls } from './tls/serve-tls.ts'
import type { TlsSource } from './tls/serve-tls.ts'
import { missingInternals, warnOfMissing } from './runtime-check.ts'
import { serveStdio, stdioStreams } from './transports/stdio.ts'
import type { WebSocketServer, WebSocketServerOptions } from './transports/websocket.ts'

/** How long clients have to receive the close frame before the process exits. */
const CLOSE_GRACE_MS = 250

/** The limits of all parts of a server. */
export type ServeLimits = Limits & HostLimits & ServerLimits

/** What the command line configures, for every transport. */
export type ServeOptions = {
  limits: ServeLimits
  sandbox: SandboxOptions
  httpPolicy: HttpPolicy | undefined
  forward: ForwardOptions
  starts: AllowedStarts
  /** The paths of clients, where they differ from those of this machine. */
  pathMap: PathMap | undefined
  logLevel: LogLevel
  auditFile: AuditFile | undefined
  /** Where detached runs are written down. */
  runs: RunDirectory | undefined
  /** Where terminals are recorded. */
  recordings: Recordings | undefined
  /** Whether to exit when the server is idle; used with a listener only. */
  idle: IdleOptions | undefined
  /** Names of options that were given and have no effect. Logged. */
  ignoredOptions: readonly string[]
}

/** A server, and what is reported of it. */
export type ServerParts = { server: ExecServer; log: Log; report: (fault: unknown) => void }

/** Creates a server with this process's host, log and audit log. */
export function createServer({
  limits,
  sandbox,
  httpPolicy,
  forward,
  starts,
  pathMap,
  logLevel,
  auditFile,
  runs,
  recordings,
  ignoredOptions,
}: ServeOptions): ServerParts {
  const { log, observer, stop } = createTelemetry(logLevel, auditFile, limits)
  // A contained internal error is logged and never ends the server.
  const report = (fault: unknown): void =>
    log.write('error', 'internalError', { fault: fault instanceof Error ? fault.stack : String(fault) })
  runs?.onFault(report)
  recordings?.onStopped((file, reason) => log.write('warn', 'recordingStopped', { file, reason }))
  const server = createExecServer({
    store: runs,
    host: createHost({ sandbox, limits, httpPolicy, forward, recordings, starts, report }),
    clock: systemClock,
    limits,
    observer,
    pathMap,
  })
  // The runtime creates its thread pool on first use and aborts if it cannot: force that before clients depend on it.
  stat('/', () => {})
  // An unexpected error in one client's request must not end the processes of the others.
  process.on('uncaughtException', report)
  process.on('unhandledRejection', report)
  // Stderr may have no reader, and such an error cannot be reported on stderr.
  process.stderr.on('error', () => {})
  process.on('exit', stop)
  settleLater()
  if (ignoredOptions.length > 0) log.write('warn', 'optionsIgnored', { options: ignoredOptions.join(' ') })
  return { server, log, report }
}

/** The first call drains: running work may finish by itself. The second ends at once. */
function drainThenEnd(server: ExecServer, log: Log, end: () => void): () => void {
  return () => {
    if (server.isDraining) return end()
    if (server.limits.drainMs > 0) log.write('info', 'draining')
    void server.drain().then(end)
  }
}

/** Serves the parent process on stdio, and exits when it disconnects. Returns the handler for stop signals. */
export function serveParent(options: ServeOptions): () => void {
  const { server, log } = createServer(options)
  log.write('info', 'listening', { url: 'stdio' })
  warnOfMissing(log, missingInternals())
  const end = once(() => {
    log.write('info', 'stopping')
    server.shutdown()
    killAllProcesses()
    if (options.recordings === undefined) process.exit(0)
    setTimeout(() => process.exit(0), CLOSE_GRACE_MS)
    void options.recordings.settled().finally(() => process.exit(0))
  })
  const { input, output } = stdioStreams()
  void serveStdio(server, input, output).then(end)
  return drainThenEnd(server, log, end)
}

/** Answers requests to `/mcp`, with the tools of this server. */
export type HttpEndpoint = {
  fetch(request: Request): Promise<Response>
  /** How many clients there are. */
  sessions(): number
  close(): Promise<void>
}

/** What a listener needs besides. `tls`: what TLS is spoken with; undefined for none. */
export type NetworkOptions = ServeOptions &
  Omit<WebSocketServerOptions, 'metrics' | 'report' | 'onRefused' | 'mcp' | 'opener' | 'preview'> & {
    /** Whether there are previews, and the names that clients may call the server by. */
    preview: boolean
    hosts: readonly string[]
    mcp: ((server: ExecServer) => HttpEndpoint) | undefined
    tls: TlsSource | undefined
    /** In place of TLS. */
    opener?: SocketOpener
  }

/** Serves the clients of a listener. Returns the handler for stop signals; a second signal ends without draining. */
export function serveNetwork(listener: Listener, options: NetworkOptions): () => void {
  return serveListener(createServer(options), listener, options)
}

/** The same with a server that is there. */
export function serveListener(
  { server, log, report }: ServerParts,
  listener: Listener,
  options: NetworkOptions,
): () => void {
  log.write('info', 'listening', { url: listener.url })
  warnOfMissing(log, missingInternals(listener.server))
  const refusals = createRefusals(log, options.limits)
  const mcp = options.mcp?.(server)
  const preview = previewOf(options)
  const opener =
    options.tls === undefined
      ? (options.opener ?? plainOpener)
      : serveTls(options.tls, { log, onRefused: refusals.note, checkMs: options.limits.certificateCheckMs })
  const onRefused = refusals.note
  let webSockets: WebSocketServer | undefined
  // HTTP takes 8 MiB and 30 ms, which a server without clients does not need.
  const start = async (connections: Pick<Listener, 'accept'>): Promise<void> => {
    const { missingForConnections } = await import('./connection-check.ts')
    const { serveWebSockets } = await import('./transports/websocket.ts')
    warnOfMissing(log, missingForConnections())
    webSockets = serveWebSockets(server, connections, {
      ...options,
      opener,
      mcp: mcp?.fetch,
      preview,
      metrics: createMetrics(server, log.dropped, refusals.counts, {
        previews: preview && (() => preview.traffic.counts()),
        mcpSessions: mcp?.sessions,
      }),
      report,
      onRefused,
    })
  }
  whenFirstUsed(listener, start, { onRefused, report })
  const end = once(() => {
    log.write('info', 'stopping')
    listener.close()
    webSockets?.closeIdle()
    void mcp?.close()
    server.shutdown()
    killAllProcesses()
    setTimeout(() => process.exit(0), CLOSE_GRACE_MS)
    const { recordings } = options
    let isRecorded = recordings === undefined
    void recordings?.settled().finally(() => (isRecorded = true))
    setInterval(() => isRecorded && !webSockets?.connections() && process.exit(0), 5)
  })
  if (options.idle !== undefined) exitWhenIdle(options.idle, server, { clock: systemClock, log, end })
  return drainThenEnd(server, log, end)
}
