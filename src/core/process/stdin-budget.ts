/**
 * The bound on stdin that waits for all processes of a session together. It is added up when it is asked for, from
 * those that have something waiting, so that it cannot drift from what the host's queues really hold.
 */

export type StdinHolder = {
  /** What waits for the child now: bytes, and what holding them back costs. */
  waiting(): number
}

export class StdinBudget {
  readonly #bound: number
  /** Those that had something waiting when they were last looked at. */
  readonly #holders = new Set<StdinHolder>()

  constructor(bound: number) {
    this.#bound = bound
  }

  get total(): number {
    let total = 0
    for (const holder of this.#holders) {
      const waiting = holder.waiting()
      if (waiting === 0) this.#holders.delete(holder)
      total += waiting
    }
    return total
  }

  /** Whether so much more may wait. Whatever its size, one write may if nothing else does. */
  fits(bytes: number): boolean {
    const { total } = this
    return total === 0 || total + bytes <= this.#bound
  }

  /** Something may wait for this one's child from now on. */
  add(holder: StdinHolder): void {
    this.#holders.add(holder)
  }
}
