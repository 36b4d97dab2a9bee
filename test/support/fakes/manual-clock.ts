/** Time that passes only when a test says so. */
import { setImmediate } from 'node:timers'
import type { Clock } from '../../../src/core/base/clock.ts'

type Timer = { due: number; call: () => void }

export class ManualClock implements Clock {
  #now = 0
  #soon: (() => void)[] = []
  /** In the order in which they were set, which decides between equal times. */
  readonly #timers = new Set<Timer>()

  now(): number {
    return this.#now
  }

  after(ms: number, call: () => void): () => void {
    const timer = { due: this.#now + ms, call }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  soon(call: () => void): void {
    this.#soon.push(call)
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size
  }

  /** One turn of the loop: what was put off until now runs, what those calls put off waits for the next turn. */
  turn(): void {
    for (const call of this.#soon.splice(0)) call()
  }

  /** Lets time pass. Whatever is due on the way runs when it is due, behind the turns that are still to be run. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      while (this.#soon.length > 0) this.turn()
      const next = this.#next()
      if (next === undefined || next.due > until) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.due)
      next.call()
    }
    this.#now = until
  }

  #next(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) if (first === undefined || timer.due < first.due) first = timer
    return first
  }
}

/** Settles once every promise that can settle by itself has done so. */
export const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
