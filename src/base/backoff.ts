/** The pauses between attempts to connect. */

/** The shortest pause, and the longest, in ms. */
export type BackoffLimits = { retryMinMs: number; retryMaxMs: number }

/** Counts failures in a row, and says how long to wait after them. */
export type Backoff = {
  /** Another attempt has failed. Returns the pause before the next one, in ms. */
  failed(): number
  /** It works again: the next pause is the shortest. */
  worked(): void
}

/** The pause doubles with each failure. A random half of it keeps many clients from coming back at the same moment. */
export function createBackoff({ retryMinMs, retryMaxMs }: BackoffLimits, random: () => number = Math.random): Backoff {
  let failures = 0
  return {
    failed: () => {
      const most = Math.min(retryMaxMs, retryMinMs * 2 ** failures)
      failures++
      return most / 2 + (most / 2) * random()
    },
    worked: () => {
      failures = 0
    },
  }
}
