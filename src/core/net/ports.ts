/** net/ports: what listens on this machine, and which run of this server it belongs to. */
import type { ListeningPort } from '../../protocol/schemas/net.ts'
import { shortName } from '../base/observer.ts'
import { shownArguments } from '../process/process-registry.ts'
import type { PortHolder } from './net-host.ts'

/** Describes the ports, `atMost` of them. `runs`: numbers by the pids of their roots. */
export function describePorts(
  ports: readonly PortHolder[],
  runs: ReadonlyMap<number, number>,
  atMost: number,
): ListeningPort[] {
  return ports.slice(0, atMost).map(({ address, port, uid, user, process: holder }) => ({
    address,
    port,
    uid,
    user: user === undefined ? null : shortName(user),
    pid: holder?.pid ?? null,
    argv: holder === undefined ? null : shownArguments(holder.argv),
    startedAtMs: holder === undefined ? null : Math.round(holder.startedAtMs),
    run: holder === undefined ? null : runOf([holder.pid, ...holder.ancestors], runs),
  }))
}

/** The run of the nearest process that is the root of one. */
function runOf(pids: readonly number[], runs: ReadonlyMap<number, number>): number | null {
  const root = pids.find((pid) => runs.has(pid))
  return root === undefined ? null : (runs.get(root) ?? null)
}
