/** Waits until output comes slower than something can take it. */
import type { Clock } from '../base/clock.ts'

/** What is waited for. `retryMs`: when to look again if output still floods; asked each time. */
export type SlowOutput = { afterMs: number; retryMs: () => number; call: () => void }

/** Measures the rate of output, only while something waits for it to be low. */
export class FloodWatch {
  readonly #clock: Clock
  readonly #bytesPerMs: number
  #bytes = 0
  #cancel: (() => void) | undefined

  /** Output of more than `bytesPerMs` is a flood. */
  constructor(clock: Clock, bytesPerMs: number) {
    this.#clock = clock
    this.#bytesPerMs = bytesPerMs
  }

  get isWaiting(): boolean {
    return this.#cancel !== undefined
  }

  /** There is so much new output. */
  added(bytes: number): void {
    this.#bytes += bytes
  }

  /** Calls `call` after a period of `afterMs` without a flood, or the first such period of `retryMs` after it. */
  wait({ afterMs, retryMs, call }: SlowOutput): void {
    this.cancel()
    const since = this.#clock.now()
    this.#bytes = 0
    this.#cancel = this.#clock.after(afterMs, () => {
      this.#cancel = undefined
      const isFlood = this.#bytes > (this.#clock.now() - since) * this.#bytesPerMs
      if (isFlood) this.wait({ afterMs: retryMs(), retryMs, call })
      else call()
    })
  }

  cancel(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}
