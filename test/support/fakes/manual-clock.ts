/** A clock that only the test advances. */
import { setImmediate } from 'node:timers'
import type { Clock } from '../../../src/core/base/clock.ts'

type Timer = { due: number; call: () => void }

/** A clock whose time and event loop turns the test controls. */
export class ManualClock implements Clock {
  #now = 0
  #soon: (() => void)[] = []
  /** In insertion order, which breaks ties between equal times. */
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

  /** Number of pending timers. */
  get timers(): number {
    return this.#timers.size
  }

  /** Runs one turn of the event loop: deferred calls run, and what they defer waits for the next turn. */
  turn(): void {
    for (const call of this.#soon.splice(0)) call()
  }

  /** Advances the time by `ms`. Timers run when they are due, after the pending turns. */
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

/** Resolves after all pending microtasks have run. */
export const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
