/**
 * Pauses reading from the whole connection for slow readers, where the server cannot throttle a single process or body.
 * Applies only while no call awaits its response, and for a limited time per reader that makes no progress, so that
 * other traffic is not blocked for good. Such a reader then gets a lag event instead.
 */
export type ReadThrottle = {
  /** Call when `reader` makes progress, falls behind or catches up. */
  update(reader: object, isBehind: boolean): void
  readonly isThrottled: boolean
}

type Timer = ReturnType<typeof setTimeout>

/**
 * Creates a throttle. `onChange` is called when `isThrottled` may have changed; a reader no longer counts after
 * `timeoutMs` without an update.
 */
export function createReadThrottle(timeoutMs: number, onChange: () => void): ReadThrottle {
  const behind = new Map<object, Timer>()
  /** Readers that timed out, until they catch up. */
  const timedOut = new WeakSet<object>()
  return {
    get isThrottled() {
      return behind.size > 0
    },
    update(reader, isBehind) {
      const before = behind.size
      clearTimeout(behind.get(reader))
      behind.delete(reader)
      if (!isBehind) timedOut.delete(reader)
      else if (!timedOut.has(reader)) {
        const expire = (): void => {
          behind.delete(reader)
          timedOut.add(reader)
          onChange()
        }
        behind.set(reader, setTimeout(expire, timeoutMs))
      }
      if (before > 0 !== behind.size > 0) onChange()
    },
  }
}
