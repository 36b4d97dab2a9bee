/** What one connection waits to see appear: one watch at a time, told of once. */
import { encodeNotification } from '../../protocol/wire/envelope.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { FOREIGN } from '../../protocol/schemas/schema-primitives.ts'
import type { Host } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'

export class MissingWatch {
  readonly #send: (notification: string) => void
  #lastId = 0
  #stop: (() => void) | undefined
  #isGone = false

  constructor(send: (notification: string) => void) {
    this.#send = send
  }

  /** Whether somebody watches now. A newer id takes the place of what was watched, whatever comes of it; an older one is too late. */
  begin(watchId: number, missing: readonly string[], present: string | undefined, host: Host, limits: Limits): boolean {
    if (watchId <= this.#lastId || this.#isGone) return false
    this.#lastId = watchId
    this.#stop?.()
    this.#stop = undefined
    if (missing.length === 0 || missing.length > limits.watchedPaths) return false
    if (missing.includes(FOREIGN) || present === FOREIGN) return false
    this.#stop = host.watchMissing(missing, present, () => {
      if (watchId === this.#lastId) this.#send(encodeNotification(Method.FsMissingChanged, `{"watchId":${watchId}}`))
    })
    return this.#stop !== undefined
  }

  dispose(): void {
    this.#isGone = true
    this.#stop?.()
  }
}
