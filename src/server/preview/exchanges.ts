/** Counts what previews have under way, so that a page cannot use up the server's connections. */

/** At most so many at a time, and of each port. */
export type ExchangeLimits = { total: number; perPort: number }

export class Exchanges {
  readonly #limits: ExchangeLimits
  readonly #ends = new Map<() => void, number>()
  readonly #counts = new Map<number, number>()

  constructor(limits: ExchangeLimits) {
    this.#limits = limits
  }

  /** Adds one, which `end` cuts off. Returns what to call when it is over; undefined if there are too many. */
  begin(port: number, end: () => void): (() => void) | undefined {
    const count = this.#counts.get(port) ?? 0
    if (this.#ends.size >= this.#limits.total || count >= this.#limits.perPort) return undefined
    this.#counts.set(port, count + 1)
    this.#ends.set(end, port)
    return () => {
      if (!this.#ends.delete(end)) return
      const left = (this.#counts.get(port) ?? 1) - 1
      if (left > 0) this.#counts.set(port, left)
      else this.#counts.delete(port)
    }
  }

  get size(): number {
    return this.#ends.size
  }

  endAll(): void {
    for (const end of [...this.#ends.keys()]) end()
  }
}
