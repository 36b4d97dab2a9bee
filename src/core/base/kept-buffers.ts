/** Buffers that wait to be used again. */

/** A buffer may be so many times larger than what it is used for, which may hold it for long. */
const MAX_FACTOR = 2

/** At most `maxBytes` of memory. */
export class KeptBuffers {
  readonly #maxBytes: number
  /** The smallest first. */
  readonly #free: ArrayBuffer[] = []
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The smallest buffer for so many bytes, with any content; undefined if there is none of about that size. */
  take(bytes: number): ArrayBuffer | undefined {
    const index = this.#free.findIndex(({ byteLength }) => byteLength >= bytes)
    const found = this.#free[index]
    if (found === undefined || found.byteLength > bytes * MAX_FACTOR) return undefined
    this.#free.splice(index, 1)
    this.#bytes -= found.byteLength
    return found
  }

  /** Takes over the memory of `buffer`, and keeps it or frees it: all views of it lose their bytes. */
  keep(buffer: ArrayBuffer): void {
    const { byteLength } = buffer
    if (this.#bytes + byteLength > this.#maxBytes) return void buffer.transfer(0)
    const larger = this.#free.findIndex((other) => other.byteLength >= byteLength)
    this.#free.splice(larger < 0 ? this.#free.length : larger, 0, buffer.transfer())
    this.#bytes += byteLength
  }

  /** Frees the largest buffer. Returns whether there are more. */
  freeOne(): boolean {
    const buffer = this.#free.pop()
    if (buffer !== undefined) this.#bytes -= buffer.byteLength
    buffer?.transfer(0)
    return this.#free.length > 0
  }
}
