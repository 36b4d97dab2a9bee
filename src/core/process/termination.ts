/** How a process is ended: SIGTERM, a grace, SIGKILL, and at last the end of output that a stray holds open. */
import type { Clock } from '../base/clock.ts'
import type { Child } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'
import { StrayWatch } from './stray-watch.ts'
import type { StreamState } from './stray-watch.ts'

/** Terminates one child, at once or after a grace. */
export class Termination {
  readonly #child: Child
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #streams: StreamState
  #isKilled = false
  #hasExited = false
  /** Set during the grace: cancels the SIGKILL that ends it. */
  #cancelKill: (() => void) | undefined
  #strays: StrayWatch | undefined

  constructor(child: Child, clock: Clock, limits: Limits, streams: StreamState) {
    this.#child = child
    this.#clock = clock
    this.#limits = limits
    this.#streams = streams
  }

  /** Whether SIGKILL was sent. */
  get isKilled(): boolean {
    return this.#isKilled
  }

  /**
   * Sends SIGKILL, or with `graceMs` (milliseconds) SIGTERM, which SIGKILL follows. Called again during the grace, it
   * sets the time anew.
   */
  request(graceMs: number): void {
    const isFirst = !this.cancel()
    if (graceMs === 0) return this.#kill()
    if (this.#isKilled) return
    if (isFirst) this.#child.terminate()
    this.#cancelKill = this.#clock.after(graceMs, () => this.#kill())
  }

  /** Cancels the SIGKILL at the end of a grace. Returns whether one was due. */
  cancel(): boolean {
    const cancelKill = this.#cancelKill
    this.#cancelKill = undefined
    cancelKill?.()
    return cancelKill !== undefined
  }

  /** Called when the root has exited. */
  exited(): void {
    this.#hasExited = true
    this.#watchStrays()
  }

  /** Called when output arrives, and when reading resumes. */
  active(): void {
    this.#strays?.active()
  }

  #kill(): void {
    this.#cancelKill = undefined
    this.#isKilled = true
    this.#child.kill()
    this.#watchStrays()
  }

  #watchStrays(): void {
    if (!this.#isKilled || !this.#hasExited || this.#streams.isOver()) return
    this.#strays ??= new StrayWatch(this.#child, this.#clock, this.#limits, this.#streams)
  }
}
