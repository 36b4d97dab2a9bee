/** The fs/watchMissing watch of one connection: one at a time, notified once. */
import { Method } from '../../protocol/wire/methods.ts'
import { FOREIGN } from '../../protocol/schemas/schema-primitives.ts'
import type { Host } from '../base/host.ts'
import { notice } from '../base/json-fragments.ts'
import type { Notice } from '../base/json-fragments.ts'
import type { Limits } from '../base/limits.ts'

/** Watches missing paths and sends fs/missingChanged when one appears. */
export class MissingWatch {
  readonly #send: (notification: Notice) => void
  #lastId = 0
  #stop: (() => void) | undefined
  #isGone = false

  constructor(send: (notification: Notice) => void) {
    this.#send = send
  }

  /**
   * Starts a watch. It replaces the previous one, even if it cannot be established; an id that is not newer is ignored.
   * Returns whether it watches now.
   */
  begin(watchId: number, missing: readonly string[], present: string | undefined, host: Host, limits: Limits): boolean {
    if (watchId <= this.#lastId || this.#isGone) return false
    this.#lastId = watchId
    this.#stop?.()
    this.#stop = undefined
    if (missing.length === 0 || missing.length > limits.watchedPaths) return false
    if (missing.includes(FOREIGN) || present === FOREIGN) return false
    this.#stop = host.watchMissing(missing, present, () => {
      if (watchId === this.#lastId) this.#send(notice(Method.FsMissingChanged, { watchId }))
    })
    return this.#stop !== undefined
  }

  /** Stops the watch for good. */
  dispose(): void {
    this.#isGone = true
    this.#stop?.()
  }
}
