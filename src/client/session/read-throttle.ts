/**
 * Holds a whole connection's input back for readers that are behind, where the server cannot be told to hold back one process or
 * one body. Only while no call waits for an answer, and never for long for a reader that takes nothing: what else comes by the
 * connection must not wait for it for ever. That one is told of its lag instead.
 */
export type InputHold = {
  /** Called whenever it takes something, or falls behind. */
  update(holder: object, isBehind: boolean): void
  readonly isHeld: boolean
}

type Timer = ReturnType<typeof setTimeout>

/** `changed` is called when `isHeld` may be another. */
export function createInputHold(patienceMs: number, changed: () => void): InputHold {
  const holders = new Map<object, Timer>()
  /** Those whose time was up, until they have caught up. */
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
