/** Runs the server's core in this program, for `{ local: true }`. Processes end when the program exits. */
import process from 'node:process'
import { defaultLimits } from '../core/base/limits.ts'
import { createExecServer } from '../core/rpc/server.ts'
import { systemClock } from '../host/clock.ts'
import { createHost, killAllProcesses } from '../host/index.ts'
import { defaultHostLimits } from '../host/limits.ts'
import { atExit } from './base/at-exit.ts'
import { inProcessConnector } from './transports/in-process.ts'
import type { Connector } from './transports/transport.ts'

/** Creates a separate server for each client, so that shutting one down leaves the others alone. */
export function localConnector(): Connector {
  const limits = { ...defaultLimits, ...defaultHostLimits }
  // An internal error that was contained: report it, but do not crash the program.
  const report = (fault: unknown): void => process.emitWarning(fault instanceof Error ? fault : String(fault))
  const host = createHost({ sandbox: { required: false }, limits, report })
  const server = createExecServer({ host, clock: systemClock, limits })
  // Kills the processes of all local servers; later calls find none.
  const unregister = atExit(() => killAllProcesses())
  return inProcessConnector(server, () => {
    unregister()
    server.shutdown()
  })
}
