/** Time, as the core sees it. The host's clock runs on timers; a test's runs by hand. */
export type Clock = {
  /** Milliseconds; only differences mean anything. */
  now(): number
  /** Calls once after `ms`. Returns what cancels it. Does not keep the program alive by itself. */
  after(ms: number, call: () => void): () => void
  /** Calls once when the input that is ready now has been handled: no later than the next turn of the event loop. */
  soon(call: () => void): void
}
