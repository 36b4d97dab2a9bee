/** Notices that a server has had nothing to do for a while. */
import type { Clock } from '../core/base/clock.ts'
import type { ExecServer } from '../core/rpc/server.ts'

/** How often the server is looked at, in ms. What came and went in between shows in the count of connections. */
const POLL_MS = 1000

/** What the watch needs. */
export type IdleWatchOptions = {
  server: Pick<ExecServer, 'snapshot' | 'observer'>
  clock: Clock
  /** How long the server must have been idle. */
  idleMs: number
  /** Called once. */
  onIdle: () => void
}

/** Whether a server has neither a session, attached or not, nor an open process. */
export function isIdle(server: Pick<ExecServer, 'snapshot'>): boolean {
  const { attachedSessions, detachedSessions, processes } = server.snapshot()
  const { starting, running, exited } = processes
  return attachedSessions + detachedSessions + starting + running + exited === 0
}

/** Calls `onIdle` once the server has been idle for `idleMs` without a break. */
export function watchIdle({ server, clock, idleMs, onIdle }: IdleWatchOptions): void {
  const { totals } = server.observer
  let since = clock.now()
  let connections = totals.connections
  const look = (): void => {
    if (!isIdle(server) || totals.connections !== connections) since = clock.now()
    connections = totals.connections
    if (clock.now() - since >= idleMs) return onIdle()
    clock.after(Math.min(POLL_MS, idleMs), look)
  }
  look()
}
