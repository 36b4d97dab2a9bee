/** The core's source of time. The host's implementation uses timers; tests advance theirs manually. */
export type Clock = {
  /** Monotonic milliseconds; only differences are meaningful. */
  now(): number
  /**
   * Calls `call` once after `ms` milliseconds. Returns a function that cancels it. Does not keep the program running.
   */
  after(ms: number, call: () => void): () => void
  /**
   * Calls `call` once after the input that is ready now has been handled: at the latest in the next turn of the event
   * loop.
   */
  soon(call: () => void): void
}

/** Resolves once the input that is ready now has been handled. */
export const nextTurn = (clock: Pick<Clock, 'soon'>): Promise<void> => new Promise((next) => clock.soon(next))
