/**
 * The bound on all retained output together. When it is passed, ended processes give up what they hold,
 * the one that ended first before the others; then running ones give up, in turn, their oldest chunks
 * that a client has been sent or that no client waits for. Last come those that a client of an ended process has yet to acknowledge.
 */

export type Holder = {
  /** Drops the oldest chunk that may go. Returns what that freed, 0 when none may go. */
  dropOldest(): number
  /** The same where that may be what its client has yet to acknowledge. */
  dropUnacknowledged(): number
  /** Drops everything, come what may. Returns what that freed. */
  dropAll(): number
}

export class RetainedBudget {
  readonly #bound: number
  #total = 0
  readonly #running = new Set<Holder>()
  readonly #ended = new Set<Holder>()

  constructor(bound: number) {
    this.#bound = bound
  }

  get total(): number {
    return this.#total
  }

  /** Whether nothing could be dropped that would bring the total below the bound: readers of children should pause. */
  get exhausted(): boolean {
    return this.#total > this.#bound
  }

  add(holder: Holder): void {
    this.#running.add(holder)
  }

  ended(holder: Holder): void {
    if (this.#running.delete(holder)) this.#ended.add(holder)
  }

  /** Gives back all that the holder still holds. */
  remove(holder: Holder): void {
    this.#total -= holder.dropAll()
    this.#running.delete(holder)
    this.#ended.delete(holder)
  }

  /** Accounts for a change of what some holder holds, and makes room if that passes the bound. */
  charge(delta: number): void {
    this.#total += delta
    if (this.#total > this.#bound) this.#makeRoom()
  }

  #makeRoom(): void {
    if (this.#dropEnded((holder) => holder.dropOldest())) return
    this.#dropRunning()
    this.#dropEnded((holder) => holder.dropUnacknowledged())
  }

  /** Returns whether that was enough. */
  #dropEnded(drop: (holder: Holder) => number): boolean {
    for (const holder of this.#ended) {
      for (let freed = 1; freed > 0 && this.#total > this.#bound; ) this.#total -= freed = drop(holder)
      if (this.#total <= this.#bound) return true
    }
    return false
  }

  #dropRunning(): void {
    let fruitless = 0
    while (this.#total > this.#bound && fruitless < this.#running.size) {
      const [holder] = this.#running
      if (holder === undefined) return
      // To the back of the queue, so that the next chunk is another's.
      this.#running.delete(holder)
      this.#running.add(holder)
      const freed = holder.dropOldest()
      this.#total -= freed
      fruitless = freed > 0 ? 0 : fruitless + 1
    }
  }
}
