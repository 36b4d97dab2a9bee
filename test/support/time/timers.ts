/** Lower bounds of time, where time is what is tested. There are no upper ones: a machine may have other things to do. */

/**
 * Whether so much time has passed as a timer was set to. It may be a little short: a loop counts from when its turn began,
 * which is some milliseconds ago if there is much to do.
 */
export const isTimerOver = (elapsedMs: number, setMs: number): boolean => elapsedMs >= setMs * 0.95
