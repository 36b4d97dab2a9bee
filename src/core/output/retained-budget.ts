/**
 * Limit on the retained output of all processes together. Beyond it, output is dropped in this order: chunks of ended
 * processes, earliest end first; the oldest chunks of running processes, in turn, if they were sent or have no
 * listener; last, unacknowledged chunks of ended processes.
 */

/** Something that retains output and can drop it, i.e. a process. */
export type Evictable = {
  /** Drops the oldest chunk if it has been sent and acknowledged. Returns the bytes freed, 0 if none may be dropped. */
  dropOldest(): number
  /** Like `dropOldest`, but also drops an unacknowledged chunk. */
  dropUnacknowledged(): number
  /** Drops everything. Returns the bytes freed. */
  dropAll(): number
}

/** Accounts for retained output (bytes, with a per-chunk overhead) and evicts beyond the bound. */
export class RetainedBudget {
  readonly #bound: number
  #total = 0
  readonly #running = new Set<Evictable>()
  readonly #ended = new Set<Evictable>()

  constructor(bound: number) {
    this.#bound = bound
  }

  get total(): number {
    return this.#total
  }

  /** Whether the total exceeds the bound although everything droppable is gone: children should be paused. */
  get exhausted(): boolean {
    return this.#total > this.#bound
  }

  /** Registers a running process. */
  add(evictable: Evictable): void {
    this.#running.add(evictable)
  }

  /** Marks a process as ended: its output is evicted before that of running ones. */
  ended(evictable: Evictable): void {
    if (this.#running.delete(evictable)) this.#ended.add(evictable)
  }

  /** Drops everything the evictable retains and removes it. */
  remove(evictable: Evictable): void {
    this.#total -= evictable.dropAll()
    this.#running.delete(evictable)
    this.#ended.delete(evictable)
  }

  /** Adds `delta` bytes to the total, and evicts if that exceeds the bound. */
  charge(delta: number): void {
    this.#total += delta
    if (this.#total > this.#bound) this.#makeRoom()
  }

  #makeRoom(): void {
    if (this.#dropEnded((evictable) => evictable.dropOldest())) return
    this.#dropRunning()
    this.#dropEnded((evictable) => evictable.dropUnacknowledged())
  }

  /** Returns whether the total is within the bound again. */
  #dropEnded(drop: (evictable: Evictable) => number): boolean {
    for (const evictable of this.#ended) {
      for (let freed = 1; freed > 0 && this.#total > this.#bound; ) this.#total -= freed = drop(evictable)
      if (this.#total <= this.#bound) return true
    }
    return false
  }

  #dropRunning(): void {
    let misses = 0
    while (this.#total > this.#bound && misses < this.#running.size) {
      const [evictable] = this.#running
      if (evictable === undefined) return
      // Moves to the back of the queue, so that the next chunk comes from another process.
      this.#running.delete(evictable)
      this.#running.add(evictable)
      const freed = evictable.dropOldest()
      this.#total -= freed
      misses = freed > 0 ? 0 : misses + 1
    }
  }
}
