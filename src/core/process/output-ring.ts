/** The ring of output that a process retains: whole chunks, the oldest dropped first. */
import type { Chunk } from '../base/chunk.ts'

export type RetentionBounds = { bytes: number; chunks: number; chunkOverhead: number }

export class OutputRing {
  readonly #bounds: RetentionBounds
  /** Live chunks are `#chunks[#first]` on; the dead head is cut off when it is the larger half. */
  #chunks: (Chunk | undefined)[] = []
  #first = 0
  #bytes = 0

  constructor(bounds: RetentionBounds) {
    this.#bounds = bounds
  }

  /** Bytes of output held. */
  get bytes(): number {
    return this.#bytes
  }

  get length(): number {
    return this.#chunks.length - this.#first
  }

  /** What the ring costs in memory. */
  get cost(): number {
    return this.#bytes + this.length * this.#bounds.chunkOverhead
  }

  /**
   * Sequence numbers must rise. A chunk larger than the whole ring leaves nothing else behind, and itself stays, as do those
   * after `keptAfter`, whatever there is of them.
   */
  append(chunk: Chunk, keptAfter = Infinity): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.bytes.length
    while (this.length > 1 && this.#isOver && (this.oldest as Chunk).seq <= keptAfter) this.dropOldest()
  }

  get #isOver(): boolean {
    return this.#bytes > this.#bounds.bytes || this.length > this.#bounds.chunks
  }

  get oldest(): Chunk | undefined {
    return this.#chunks[this.#first]
  }

  dropOldest(): void {
    const chunk = this.#chunks[this.#first]
    if (chunk === undefined) return
    this.#bytes -= chunk.bytes.length
    this.#chunks[this.#first++] = undefined
    if (this.#first * 2 > this.#chunks.length) {
      this.#chunks.splice(0, this.#first)
      this.#first = 0
    }
  }

  clear(): void {
    this.#chunks = []
    this.#first = 0
    this.#bytes = 0
  }

  /** The first chunk after `seq`. */
  after(seq: number): Chunk | undefined {
    return this.#chunks[this.#indexAfter(seq)]
  }

  /** Chunks after `seq`, in order, up to `maxBytes`; the first comes whatever its size. */
  read(seq: number, maxBytes: number): Chunk[] {
    const found: Chunk[] = []
    let total = 0
    for (let index = this.#indexAfter(seq); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index] as Chunk
      total += chunk.bytes.length
      if (found.length > 0 && total > maxBytes) break
      found.push(chunk)
    }
    return found
  }

  #indexAfter(seq: number): number {
    let [low, high] = [this.#first, this.#chunks.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#chunks[middle] as Chunk).seq > seq) high = middle
      else low = middle + 1
    }
    return low
  }
}
