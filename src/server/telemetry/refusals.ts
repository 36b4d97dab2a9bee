/** Logs and counts what was not let in: requests answered with 401, 403 or 503, and failed TLS handshakes. Never a token, and not without bound. */
import type { ServerLimits } from '../limits.ts'
import type { Log } from './log.ts'

/** What a refusal is about; the label of its counter. */
export const refusalReasons = ['token', 'origin', 'host', 'user', 'confined', 'connections', 'tls'] as const
export type RefusalReason = (typeof refusalReasons)[number]

/** A refused request, or connection. */
export type Refused = {
  status: 400 | 401 | 403 | 503
  reason: RefusalReason
  /** Remote address and port, or `unix`. */
  peer: string
  /** In words. May hold a host name or an origin that the peer sent, and no secret. */
  why: string
}

/** Receives every refusal. */
export type OnRefused = (refused: Refused) => void

/** The refusals of a server. */
export type Refusals = {
  note: OnRefused
  /** How often each was the reason. */
  counts(): Readonly<Record<RefusalReason, number>>
}

/** Characters of a text that the peer has sent a part of. */
const WHY_CHARS = 300

/**
 * Creates the counters. The first refusal for each reason is logged as a warning, since its cause is often a mistake in
 * the options; further ones at `info`, at most `refusalLines` in `refusalWindowMs`.
 */
export function createRefusals(
  log: Log,
  { refusalLines, refusalWindowMs }: Pick<ServerLimits, 'refusalLines' | 'refusalWindowMs'>,
  now: () => number = () => performance.now(),
): Refusals {
  const counts = { token: 0, origin: 0, host: 0, user: 0, confined: 0, connections: 0, tls: 0 }
  let since = -Infinity
  let lines = 0
  let omitted = 0

  /** Whether there is room for a line in this window of time. */
  function hasRoom(): boolean {
    const at = now()
    if (at - since >= refusalWindowMs) {
      since = at
      lines = 0
    }
    return ++lines <= refusalLines
  }

  return {
    note({ status, reason, peer, why }) {
      const isFirst = ++counts[reason] === 1
      const level = isFirst ? 'warn' : 'info'
      if (!log.has(level)) return
      if (!isFirst && !hasRoom()) return void omitted++
      log.write(level, 'connectionRefused', {
        status,
        reason,
        peer,
        why: why.slice(0, WHY_CHARS),
        ...(omitted === 0 ? {} : { omittedBefore: omitted }),
        ...(isFirst ? { note: 'further ones are logged at level info' } : {}),
      })
      omitted = 0
    },
    counts: () => counts,
  }
}
