/** `exec-server accept`: two listeners and what joins them. */
import process from 'node:process'
import type { LogLevel } from '../../base/log-level.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { PeerCheck } from '../auth/peer-check.ts'
import type { HostCheck } from '../http/host-check.ts'
import type { Listener } from '../http/listener.ts'
import type { ServerLimits } from '../limits.ts'
import type { LinkLimits } from '../link/link-limits.ts'
import { createLog, stderrSink } from '../telemetry/log.ts'
import { plainOpener } from '../http/socket-opener.ts'
import { serveTls } from '../tls/serve-tls.ts'
import type { TlsSource } from '../tls/serve-tls.ts'
import { createRefusals } from '../telemetry/refusals.ts'
import { acceptMetrics } from './accept-metrics.ts'
import { serveClients } from './client-server.ts'
import { serveDevboxes } from './devbox-server.ts'
import { createLinkPool } from './link-pool.ts'

/** The listeners, who may connect to each, and the limits. */
export type AcceptOptions = {
  devboxes: Listener
  clients: Listener
  /** The certificate for devboxes. Absent: no TLS. */
  tls?: TlsSource | undefined
  secret: string
  authenticator: Authenticator
  checkPeer: PeerCheck
  checkHost: HostCheck
  limits: ServerLimits & LinkLimits
  logLevel: LogLevel
}

/** The close code of an end that goes away (RFC 6455, section 7.4.1). */
const GOING_AWAY = 1001

/** How long the devbox has to receive the close frames before the process exits. */
const CLOSE_GRACE_MS = 250

/** Joins the clients with the devbox. Returns the handler for stop signals, which exits. */
export function serveAccept(options: AcceptOptions): () => void {
  const { devboxes, clients, tls, secret, limits, logLevel } = options
  const log = createLog(logLevel, stderrSink(limits.logQueue), limits)
  process.on('uncaughtException', (fault) => log.write('error', 'internalError', { fault: fault.stack }))
  process.stderr.on('error', () => {})
  const refusals = createRefusals(log, limits)
  const pool = createLinkPool(limits, {
    connected: ({ host }) => log.write('info', 'devboxConnected', { host }),
    lost: ({ host }) => log.write('warn', 'devboxLost', { host }),
  })
  const opener =
    tls === undefined
      ? plainOpener
      : serveTls(tls, { log, onRefused: refusals.note, checkMs: limits.certificateCheckMs })
  serveDevboxes(devboxes, { secret, opener, pool, limits, log, onRefused: refusals.note })
  serveClients(clients, {
    ...options,
    pool,
    metrics: acceptMetrics(pool.counts, refusals.counts),
    log,
    onRefused: refusals.note,
  })
  log.write('info', 'listening', { devboxes: devboxes.url, clients: clients.url })
  return () => {
    log.write('info', 'stopping')
    devboxes.close()
    clients.close()
    pool.close(GOING_AWAY, 'accept stops')
    setTimeout(() => process.exit(0), CLOSE_GRACE_MS)
  }
}
