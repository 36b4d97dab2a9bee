/**
 * A stray, i.e. a descendant that left the process group, may hold a killed process's output open for ever. The streams
 * are abandoned once they are silent for `strayQuietMs`, at the latest after they were read for `strayTotalMs`.
 */
import type { Clock } from '../base/clock.ts'
import type { Child } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'

/** State of a child's output streams. */
export type StreamState = {
  /** Whether they have ended, or are not needed any more. */
  isOver(): boolean
  /** Whether they are not read at present. */
  isPaused(): boolean
}

type StrayLimits = Pick<Limits, 'strayQuietMs' | 'strayTotalMs'>

/** Watches the streams of one child, from its construction on. */
export class StrayWatch {
  readonly #child: Pick<Child, 'abandon'>
  readonly #clock: Clock
  readonly #limits: StrayLimits
  readonly #streams: StreamState
  #lastActiveAt: number
  #readMs = 0

  constructor(child: Pick<Child, 'abandon'>, clock: Clock, limits: StrayLimits, streams: StreamState) {
    this.#child = child
    this.#clock = clock
    this.#limits = limits
    this.#streams = streams
    this.#lastActiveAt = clock.now()
    this.#checkLater()
  }

  /** Call it when output arrives, and when reading resumes: silence just after that says nothing about the streams. */
  active(): void {
    this.#lastActiveAt = this.#clock.now()
  }

  #checkLater(): void {
    this.#clock.after(this.#limits.strayQuietMs, () => this.#check())
  }

  #check(): void {
    const { strayQuietMs, strayTotalMs } = this.#limits
    if (this.#streams.isOver()) return
    if (this.#streams.isPaused()) return this.#checkLater()
    this.#readMs += strayQuietMs
    const isSilent = this.#clock.now() - this.#lastActiveAt >= strayQuietMs
    if (isSilent || this.#readMs >= strayTotalMs) this.#child.abandon()
    else this.#checkLater()
  }
}
