/**
 * Whether a helper still works, as the kernel sees it: one that hangs on a mount that does not answer, or is stopped, uses
 * no CPU time and is hardly ever scheduled.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { childrenOf } from '../process-tree/process-group.ts'
import { statFields } from '../process-tree/proc-stat.ts'

/** Indices of the user and system CPU time in {@link statFields}. */
const UTIME = 11
const STIME = 12

/** A sandbox has three generations of processes: bubblewrap, its init, and the helper. */
const GENERATIONS = 3

/**
 * Times that the threads of an idle runtime are scheduled between two looks: V8 wakes its main thread every 8 s. A file
 * operation takes twice as many.
 */
const IDLE_SWITCHES = 2

/** What a sandbox has done so far: bytes exchanged, CPU time in 10 ms, how often its threads were scheduled. */
export type Activity = { bytes: number; cpu: number; switches: number }

/** Whether a sandbox has done something between two looks. */
export const hasWorked = (before: Activity, now: Activity): boolean =>
  now.bytes !== before.bytes || now.cpu > before.cpu + 1 || now.switches > before.switches + IDLE_SWITCHES

/**
 * What a sandbox has done. Undefined where that cannot be known, and for one that only waits for a processor. `pid`: the
 * sandbox process.
 */
export function activityOf(pid: number, bytes: number): Activity | undefined {
  const sum: Activity = { bytes, cpu: 0, switches: 0 }
  let generation = [pid]
  for (let count = 0; count < GENERATIONS; count++) {
    for (const process of generation) {
      const threads = threadsOf(process)
      if (threads.some((status) => /^State:\tR/m.test(status))) return undefined
      const fields = statFields(process)
      sum.cpu += Number(fields?.[UTIME] ?? 0) + Number(fields?.[STIME] ?? 0)
      sum.switches += switchesOf(threads)
    }
    generation = generation.flatMap(childrenOf)
  }
  return statFields(pid) === undefined ? undefined : sum
}

/** The status of each thread of a process; none for one that is gone. */
function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1'),
    )
  } catch {
    return []
  }
}

/** How often threads have been scheduled. CPU time counts in steps of 10 ms only. */
const switchesOf = (threads: readonly string[]): number =>
  threads
    .flatMap((status) => [...status.matchAll(/ctxt_switches:\t(\d+)/g)])
    .reduce((sum, [, count]) => sum + Number(count), 0)
