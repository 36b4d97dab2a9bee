/**
 * Limits the memory of one connection's responses between building and sending them. A client that requests a thousand
 * large files at once gets them one after the other, instead of filling the server's memory.
 */
export class ResponseMemoryLimiter {
  readonly #bound: number
  readonly #queued: () => number
  #reserved = 0
  readonly #waiting: { bytes: number; grant: () => void; refuse: (reason: Error) => void }[] = []
  #refusal: Error | undefined

  /** `bound` in bytes; `queued` returns the bytes that the transport holds. */
  constructor(bound: number, queued: () => number) {
    this.#bound = bound
    this.#queued = queued
  }

  /**
   * Reserves `bytes`. Undefined: granted at once; otherwise settles when granted, in order of request, or rejects with
   * the reason of `refuse`.
   */
  reserve(bytes: number): Promise<void> | undefined {
    if (this.#refusal !== undefined) return rejected(this.#refusal)
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#reserved += bytes
      return undefined
    }
    return new Promise((grant, refuse) => this.#waiting.push({ bytes, grant, refuse }))
  }

  /** Returns `bytes` of an earlier reservation. */
  release(bytes: number): void {
    this.#reserved -= bytes
    this.retry()
  }

  /** Grants waiting reservations that fit now. Call it when the transport has drained. */
  retry(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#reserved += next.bytes
      next.grant()
    }
  }

  /**
   * Rejects all waiting and later reservations: the connection is gone. Granted together, a thousand reads would take
   * the memory of a thousand files.
   */
  refuse(reason: Error): void {
    this.#refusal = reason
    for (const { refuse } of this.#waiting.splice(0)) refuse(reason)
  }

  /** Grants all waiting reservations, for users that notice themselves that the connection is gone. */
  dispose(): void {
    for (const { bytes, grant } of this.#waiting.splice(0)) {
      this.#reserved += bytes
      grant()
    }
  }

  /** An idle connection fits one response of any size. */
  #fits(bytes: number): boolean {
    const taken = this.#reserved + this.#queued()
    return this.#reserved === 0 ? this.#queued() < this.#bound : taken + bytes <= this.#bound
  }
}

/** A rejected promise that may be awaited later. */
function rejected(reason: Error): Promise<never> {
  const promise = Promise.reject<never>(reason)
  promise.catch(() => {})
  return promise
}
