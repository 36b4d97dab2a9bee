/**
 * Limit on the pending stdin of all processes of a session together. The total is computed on demand from the queues
 * themselves, so it cannot drift from what the host's queues hold.
 */

/** A process's stdin queue, as the budget sees it. */
export type PendingStdin = {
  /** Cost of what waits for the child now: bytes, plus the overhead of held writes. */
  waiting(): number
}

/** Sums the pending stdin of a session and checks it against `bound` bytes. */
export class StdinBudget {
  readonly #bound: number
  /** Queues that were not empty when last checked. */
  readonly #queues = new Set<PendingStdin>()

  constructor(bound: number) {
    this.#bound = bound
  }

  get total(): number {
    let total = 0
    for (const queue of this.#queues) {
      const waiting = queue.waiting()
      if (waiting === 0) this.#queues.delete(queue)
      total += waiting
    }
    return total
  }

  /** Whether `bytes` more may wait. A single write of any size may if nothing else does. */
  fits(bytes: number): boolean {
    const { total } = this
    return total === 0 || total + bytes <= this.#bound
  }

  /** Includes a queue in the total until it is found empty. */
  add(queue: PendingStdin): void {
    this.#queues.add(queue)
  }
}
