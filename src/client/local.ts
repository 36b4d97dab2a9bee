/** The devbox that is this machine: the server's core in this program, which ends what it started when the program ends. */
import process from 'node:process'
import { defaultLimits } from '../core/base/limits.ts'
import { createExecServer } from '../core/rpc/server.ts'
import { systemClock } from '../host/clock.ts'
import { createHost, killAllProcesses } from '../host/index.ts'
import { atExit } from './base/at-exit.ts'
import { inProcessConnector } from './transports/in-process.ts'
import type { Connector } from './transports/transport.ts'

/** A server of its own for each client, so that the end of one is no other's. */
export function localConnector(): Connector {
  const limits = defaultLimits
  // A contained fault of ours: to be seen, and never the end of the program.
  const report = (fault: unknown): void => process.emitWarning(fault instanceof Error ? fault : String(fault))
  const host = createHost({ sandbox: { required: false }, limits, report })
  const server = createExecServer({ host, clock: systemClock, limits })
  // Those of all of them, so a second call finds nobody.
  const leave = atExit(() => killAllProcesses())
  return inProcessConnector(server, () => {
    leave()
    server.shutdown()
  })
}
