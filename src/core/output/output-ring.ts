/** The output that a process retains: whole chunks, the oldest dropped first. */
import type { Chunk } from '../base/chunk.ts'

/** Limits of one ring. `chunkOverhead`: bytes that each chunk costs beyond its data. */
export type RetentionBounds = { bytes: number; chunks: number; chunkOverhead: number }

/** Chunks by ascending sequence number, within a limit of bytes and of chunks. */
export class OutputRing<C extends Chunk = Chunk> {
  readonly #bounds: RetentionBounds
  readonly #onDrop: ((chunk: C) => void) | undefined
  /** Live chunks start at `#chunks[#first]`; the dead head is cut off once it is the larger half. */
  #chunks: (C | undefined)[] = []
  #first = 0
  #bytes = 0

  /** `onDrop` is called with every chunk that is dropped, unless all are cleared. */
  constructor(bounds: RetentionBounds, onDrop?: (chunk: C) => void) {
    this.#bounds = bounds
    this.#onDrop = onDrop
  }

  /** Bytes of output retained. */
  get bytes(): number {
    return this.#bytes
  }

  /** Number of chunks. */
  get length(): number {
    return this.#chunks.length - this.#first
  }

  /** Memory cost in bytes, with the overhead of each chunk. */
  get cost(): number {
    return this.#bytes + this.length * this.#bounds.chunkOverhead
  }

  /**
   * Appends a chunk and drops the oldest beyond the bounds. Sequence numbers must rise. The newest chunk stays even if
   * it is larger than the ring, and so do all chunks after `keptAfter`.
   */
  append(chunk: C, keptAfter = Infinity): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.bytes.length
    while (this.length > 1 && this.#isOver && (this.oldest as C).seq <= keptAfter) this.dropOldest()
  }

  get #isOver(): boolean {
    return this.#bytes > this.#bounds.bytes || this.length > this.#bounds.chunks
  }

  get oldest(): C | undefined {
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
    this.#onDrop?.(chunk)
  }

  clear(): void {
    this.#chunks = []
    this.#first = 0
    this.#bytes = 0
  }

  /** The first chunk with a number above `seq`. */
  after(seq: number): C | undefined {
    return this.#chunks[this.#indexAfter(seq)]
  }

  /** Chunks after `seq`, in order, up to `maxBytes`; the first is included whatever its size. */
  read(seq: number, maxBytes: number): C[] {
    const found: C[] = []
    let total = 0
    for (let index = this.#indexAfter(seq); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index] as C
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
      if ((this.#chunks[middle] as C).seq > seq) high = middle
      else low = middle + 1
    }
    return low
  }
}
