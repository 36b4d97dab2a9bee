/** Waiting for something to happen to a process. */
import type { Clock } from '../base/clock.ts'
import type { Process } from '../process/process.ts'
import type { Ticket } from './ticket.ts'

/** Options of {@link waitForProcess}. `waitMs` may be infinite. */
export type WaitOptions = { waitMs: number; clock: Clock; ticket: Ticket }

/**
 * Settles once `isOver`, when the process is disposed of, after `waitMs`, or when the connection ends.
 * @throws -32001 if too many requests of the connection wait
 */
export function waitForProcess(
  process: Process,
  isOver: () => boolean,
  { waitMs, clock, ticket }: WaitOptions,
): Promise<void> {
  ticket.waits()
  return new Promise((resolve) => {
    const stop = (): void => {
      unwatch()
      cancelTimer()
      resolve()
    }
    const unwatch = process.events.watch(() => {
      if (process.disposed || isOver()) stop()
    })
    const cancelTimer = waitMs === Infinity ? () => {} : clock.after(waitMs, stop)
    ticket.onRelease(stop)
    // `watch` turned the pieces read in this turn into a chunk.
    if (isOver()) stop()
  })
}
