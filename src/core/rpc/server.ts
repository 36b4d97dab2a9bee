/** Assembles the core: give it a host, a clock and limits, and connect transports to it. */
import type { PathMap } from '../../protocol/schemas/path-map.ts'
import type { Clock } from '../base/clock.ts'
import { Connection } from './connection.ts'
import { Drain } from '../session/drain.ts'
import type { Host } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'
import { silentObserver } from '../base/observer.ts'
import { NetBudget } from '../net/net-budget.ts'
import type { Observer } from '../base/observer.ts'
import { RetainedBudget } from '../output/retained-budget.ts'
import type { RunStore } from '../base/run-store.ts'
import { SessionRegistry } from '../session/session.ts'
import { emptySnapshot } from '../base/snapshot.ts'
import type { Snapshot } from '../base/snapshot.ts'
import { CloseCode } from '../base/transport.ts'
import type { Transport, ValueTransport } from '../base/transport.ts'

/**
 * Dependencies of the server; without an `observer` nothing is reported, without a `store` runs are kept in memory,
 * without a `pathMap` clients have the paths of this machine.
 */
export type ServerOptions = {
  host: Host
  clock: Clock
  limits: Limits
  observer?: Observer
  store?: RunStore | undefined
  pathMap?: PathMap | undefined
}

/** The protocol server, independent of any transport. */
export type ExecServer = {
  limits: Limits
  observer: Observer
  /** Serves a transport, which then passes its messages to the returned connection. */
  connect(transport: Transport | ValueTransport): Connection
  /** Counts what is open, running and queued at this moment. */
  snapshot(): Snapshot
  /** Whether the server is draining, so that new work is refused. */
  readonly isDraining: boolean
  /**
   * Refuses new work. Settles when running work has ended and its clients have been notified, or after `graceMs`
   * (default `limits.drainMs`).
   */
  drain(graceMs?: number): Promise<void>
  /** Kills every process, ends every session and closes every connection. */
  shutdown(): void
}

/** Creates a server without connections. */
export function createExecServer({
  host,
  clock,
  limits,
  observer = silentObserver(),
  store,
  pathMap,
}: ServerOptions): ExecServer {
  const budget = new RetainedBudget(limits.retainedTotal)
  const sessions = new SessionRegistry({ host, clock, limits, budget, observer, store })
  const netBudget = new NetBudget(limits)
  const connections = new Set<Connection>()
  const isBusy = (): boolean => sessions.openProcesses > 0 || [...connections].some((connection) => connection.isBusy)
  const drain = new Drain({ clock, limits, isBusy })
  return {
    limits,
    observer,
    connect(transport) {
      const connection: Connection = new Connection(transport, {
        host,
        clock,
        limits,
        sessions,
        observer,
        drain,
        netBudget,
        // A client in this program has the paths of this machine.
        pathMap: 'send' in transport ? pathMap : undefined,
        onGone: () => connections.delete(connection),
      })
      connections.add(connection)
      return connection
    },
    snapshot() {
      const snapshot = emptySnapshot()
      for (const connection of connections) connection.collect(snapshot)
      sessions.collect(snapshot)
      snapshot.retainedBytes = budget.total
      host.collect(snapshot)
      return snapshot
    },
    get isDraining() {
      return drain.hasBegun
    },
    drain: (graceMs) => drain.begin(graceMs),
    shutdown() {
      sessions.dispose()
      for (const connection of connections) connection.close(CloseCode.GoingAway, 'server is shutting down')
    },
  }
}
