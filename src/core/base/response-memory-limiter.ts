/**
 * The memory that one connection's answers may take between being made and being sent. A client that asks
 * for a thousand large files at once gets them all, one after the other, instead of filling the server's memory.
 */
export class ResponseMemoryLimiter {
  readonly #bound: number
  readonly #queued: () => number
  #reserved = 0
  readonly #waiting: { bytes: number; grant: () => void }[] = []

  /** `queued` tells how many bytes the transport holds. */
  constructor(bound: number, queued: () => number) {
    this.#bound = bound
    this.#queued = queued
  }

  /** Reserves room. Undefined means at once; otherwise it settles when there is room, in the order asked. */
  reserve(bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#reserved += bytes
      return undefined
    }
    return new Promise((grant) => this.#waiting.push({ bytes, grant }))
  }

  release(bytes: number): void {
    this.#reserved -= bytes
    this.retry()
  }

  /** Grants what fits now: after a release, and whenever the transport has drained. */
  retry(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#reserved += next.bytes
      next.grant()
    }
  }

  /** The connection is gone: whoever waits may go on, to a result that nobody is sent. */
  dispose(): void {
    for (const { bytes, grant } of this.#waiting.splice(0)) {
      this.#reserved += bytes
      grant()
    }
  }

  /** One answer always fits an idle connection, whatever its size. */
  #fits(bytes: number): boolean {
    const taken = this.#reserved + this.#queued()
    return this.#reserved === 0 ? this.#queued() < this.#bound : taken + bytes <= this.#bound
  }
}
