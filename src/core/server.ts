/** The core as one thing: give it a host, a clock and limits, and connect transports to it. */
import type { Clock } from './clock.ts'
import { Connection } from './connection.ts'
import type { Host } from './host.ts'
import type { Limits } from './limits.ts'
import { RetainedBudget } from './retained-budget.ts'
import { SessionRegistry } from './session.ts'
import { CloseCode } from './transport.ts'
import type { Transport } from './transport.ts'

export type ServerOptions = { host: Host; clock: Clock; limits: Limits }

export type ExecServer = {
  limits: Limits
  connect(transport: Transport): Connection
  /** Kills every process, ends every session and closes every connection. */
  shutdown(): void
}

export function createExecServer({ host, clock, limits }: ServerOptions): ExecServer {
  const budget = new RetainedBudget(limits.retainedTotal)
  const sessions = new SessionRegistry({ host, clock, limits, budget })
  const connections = new Set<Connection>()
  return {
    limits,
    connect(transport) {
      const connection: Connection = new Connection(transport, { host, clock, limits, sessions, onGone: () => connections.delete(connection) })
      connections.add(connection)
      return connection
    },
    shutdown() {
      sessions.dispose()
      for (const connection of connections) connection.close(CloseCode.GoingAway, 'server is shutting down')
    },
  }
}
