/** Lower bounds for tests of timing. There are no upper bounds: the machine may be busy. */

/**
 * Whether a timer's delay has elapsed. Allows 5 % less: the event loop counts from the start of its turn, which is some
 * milliseconds earlier on a busy loop.
 */
export const isTimerOver = (elapsedMs: number, setMs: number): boolean => elapsedMs >= setMs * 0.95
