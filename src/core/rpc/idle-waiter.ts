/** Waits until a connection has no work left. */
export class IdleWaiter {
  readonly #isIdle: () => boolean
  #waiting: (() => void)[] = []

  constructor(isIdle: () => boolean) {
    this.#isIdle = isIdle
  }

  /** Settles once the connection is idle. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.check()
    })
  }

  /** Call it when some work has ended. */
  check(): void {
    if (this.#waiting.length === 0 || !this.#isIdle()) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
