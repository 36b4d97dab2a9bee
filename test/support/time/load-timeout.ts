/** Timeouts that allow for other work on the machine: a test that waits for the processor has not failed. */
import { availableParallelism, loadavg } from 'node:os'

/** How often the load is looked at, in milliseconds. */
const TICK_MS = 1000

/** Runnable processes per core up to which time counts in full. The suite itself keeps two per core runnable. */
const FULL_SPEED_LOAD = 2

/** The share of the processor that a process gets now, against what it gets while only the suite runs: 0 to 1. */
export function shareOfProcessor(load = loadavg()[0] as number, cores = availableParallelism()): number {
  return Math.min(1, (FULL_SPEED_LOAD * cores) / Math.max(load, 1))
}

/**
 * Calls `onTimeout` after `ms` milliseconds, or later on an overloaded machine: a second in which a process gets half
 * of its usual share counts as half a second. The returned function cancels it.
 */
export function setLoadTimeout(onTimeout: () => void, ms: number, share: () => number = shareOfProcessor): () => void {
  let left = ms
  let timer: ReturnType<typeof setTimeout>
  const tick = (): void => {
    const wait = Math.min(TICK_MS, left)
    timer = setTimeout(() => {
      left -= wait * share()
      // Below a millisecond: the rest of a tick at a low share.
      if (left < 1) onTimeout()
      else tick()
    }, wait)
  }
  tick()
  return () => clearTimeout(timer)
}
