/**
 * Whether a helper still works, as the kernel sees it: one that hangs on a mount that does not answer, or is stopped, uses
 * no CPU time and is never scheduled.
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
 * A text that is the same for as long as no process of the sandbox runs and `bytes` does not change. Undefined where that
 * cannot be known, and for one that only waits for a processor. `pid`: the sandbox process.
 */
export function activityOf(pid: number, bytes: number): string | undefined {
  const parts: string[] = []
  let generation = [pid]
  for (let count = 0; count < GENERATIONS; count++) {
    for (const process of generation) {
      const threads = threadsOf(process)
      if (threads.some((status) => /^State:\tR/m.test(status))) return undefined
      const fields = statFields(process)
      parts.push(`${process} ${fields?.[UTIME]} ${fields?.[STIME]} ${switchesOf(threads)}`)
    }
    generation = generation.flatMap(childrenOf)
  }
  return statFields(pid) === undefined ? undefined : `${bytes}: ${parts.join(', ')}`
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
