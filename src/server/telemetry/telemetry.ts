/** Combines the log, the audit log and the counters for the metrics into the core's observer. */
import type { ServerLimits } from '../limits.ts'
import { silentObserver } from '../../core/base/observer.ts'
import type { Observer } from '../../core/base/observer.ts'
import { createAudit } from './audit.ts'
import type { AuditFile } from './audit-file.ts'
import type { LogLevel } from '../../base/log-level.ts'
import { createLog, stderrSink } from './log.ts'
import type { Log, Sink } from './log.ts'

/** The observer, and the log behind it. */
export type Telemetry = {
  log: Log
  observer: Observer
  /** Completes the audit log. Call it when the process exits. */
  stop(): void
}

/**
 * Creates the observer. Events that `logLevel` excludes cost nothing. Without `auditFile` there is no audit log. The log
 * goes to `sink`, by default stderr.
 */
export function createTelemetry(
  logLevel: LogLevel,
  auditFile: AuditFile | undefined,
  limits: ServerLimits,
  sink: Sink = stderrSink(limits.logQueue),
): Telemetry {
  const log = createLog(logLevel, sink, limits)
  const audit = auditFile === undefined ? undefined : createAudit(auditFile, log, limits)
  const request = combined(log.has('debug') ? logRequests(log) : undefined, audit?.request)
  return {
    log,
    observer: {
      ...silentObserver(),
      ...(log.has('info') ? logLifecycle(log) : {}),
      ...(request === undefined ? {} : { request }),
      ...(audit === undefined ? {} : { starting: audit.starting }),
    },
    stop: () => audit?.stop(),
  }
}

function logLifecycle(log: Log): Pick<Observer, 'opened' | 'closed' | 'session'> {
  return {
    opened: ({ connection, address }) => log.write('info', 'connectionOpened', { connection, peer: address }),
    closed: ({ connection, address, client, session }, why) =>
      log.write('info', 'connectionClosed', { connection, peer: address, client, session, why }),
    session: (event, session, peer) =>
      log.write('info', SESSION_EVENTS[event], { session, connection: peer?.connection, client: peer?.client }),
  }
}

const SESSION_EVENTS = {
  created: 'sessionCreated',
  resumed: 'sessionResumed',
  detached: 'sessionDetached',
  expired: 'sessionExpired',
  ended: 'sessionEnded',
} as const

function logRequests(log: Log): NonNullable<Observer['request']> {
  return ({ connection }, method) => {
    const since = performance.now()
    return (outcome) => {
      const code = 'error' in outcome ? outcome.error.code : undefined
      log.write('debug', 'request', {
        connection,
        method,
        code,
        ms: Math.round((performance.now() - since) * 1000) / 1000,
      })
    }
  }
}

function combined(one: Observer['request'], other: Observer['request']): Observer['request'] {
  if (one === undefined || other === undefined) return one ?? other
  return (...request) => {
    const callbacks = [one(...request), other(...request)]
    return (outcome) => callbacks.forEach((call) => call?.(outcome))
  }
}
