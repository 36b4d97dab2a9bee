/** Lets a number of pieces of work run at a time; the others wait for their turn. */
export class Turns {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  /** Runs `work` in its turn. Also rejects with the signal's reason, while it waits. */
  async run<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted()
    if (this.#free > 0) this.#free--
    else await this.#wait(signal)
    try {
      return await work()
    } finally {
      const [next] = this.#waiting
      if (next === undefined) this.#free++
      else next()
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiting.delete(begin)
        signal?.removeEventListener('abort', abort)
      }
      const begin = (): void => {
        settle()
        resolve()
      }
      const abort = (): void => {
        settle()
        reject(signal?.reason)
      }
      this.#waiting.add(begin)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }
}
