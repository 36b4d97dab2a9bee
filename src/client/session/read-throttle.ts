/**
 * Pauses reading from the whole connection for slow readers, where the server cannot throttle a single process or body.
 * Applies only while no call awaits its response, and for a limited time per reader that makes no progress, so that
 * other traffic is not blocked for good. Such a reader then gets a lag event instead.
 */
export type InputHold = {
  /** Call when the holder makes progress, falls behind or catches up. */
  update(holder: object, isBehind: boolean): void
  readonly isHeld: boolean
}

type Timer = ReturnType<typeof setTimeout>

/** `changed` is called when `isHeld` may have changed; a holder is given up after `patienceMs` without an update. */
export function createInputHold(patienceMs: number, changed: () => void): InputHold {
  const holders = new Map<object, Timer>()
  /** Holders that timed out, until they catch up. */
  const givenUp = new WeakSet<object>()
  return {
    get isHeld() {
      return holders.size > 0
    },
    update(holder, isBehind) {
      const before = holders.size
      clearTimeout(holders.get(holder))
      holders.delete(holder)
      if (!isBehind) givenUp.delete(holder)
      else if (!givenUp.has(holder)) {
        const giveUp = (): void => {
          holders.delete(holder)
          givenUp.add(holder)
          changed()
        }
        holders.set(holder, setTimeout(giveUp, patienceMs))
      }
      if (before > 0 !== holders.size > 0) changed()
    },
  }
}
