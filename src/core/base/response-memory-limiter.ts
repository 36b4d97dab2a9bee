/**
 * Limits the memory of one connection's responses between building and sending them. A client that requests a thousand
 * large files at once gets them one after the other, instead of filling the server's memory.
 */
export class ResponseMemoryLimiter {
  readonly #bound: number
  readonly #queued: () => number
  #reserved = 0
  readonly #waiting: { bytes: number; grant: () => void }[] = []

  /** `bound` in bytes; `queued` returns the bytes that the transport holds. */
  constructor(bound: number, queued: () => number) {
    this.#bound = bound
    this.#queued = queued
  }

  /** Reserves `bytes`. Undefined: granted at once; otherwise settles when granted, in order of request. */
  reserve(bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#reserved += bytes
      return undefined
    }
    return new Promise((grant) => this.#waiting.push({ bytes, grant }))
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

  /** Grants all waiting reservations: the connection is gone, so their results are never sent. */
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
