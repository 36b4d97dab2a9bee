/** Unread chunks of one received stream. Small ones are merged, so that counting chunks is meaningful. */

type Bytes = Uint8Array<ArrayBuffer>

/** A chunk, and the sequence number of the last delta in it. */
export type Chunk = { bytes: Bytes; seq: number }

type Entry = {
  bytes: Bytes
  /** Bytes used; the rest of `bytes` is free. */
  length: number
  seq: number
}

/** A queue of chunks. */
export class ChunkQueue {
  readonly #mergedBytes: number
  readonly #entries: Entry[] = []
  #bytes = 0

  /** Chunks are merged up to `mergedBytes`. */
  constructor(mergedBytes: number) {
    this.#mergedBytes = mergedBytes
  }

  /** Chunks in the queue, after merging. */
  get length(): number {
    return this.#entries.length
  }

  /** Bytes in the queue. */
  get bytes(): number {
    return this.#bytes
  }

  /** Appends the bytes to the last chunk. Returns false if there is none, or it has no room. */
  merge(bytes: Bytes, seq: number): boolean {
    const last = this.#entries.at(-1)
    if (last === undefined) return false
    if (bytes.length > 0) {
      if (last.length + bytes.length > this.#mergedBytes) return false
      if (last.bytes.length < this.#mergedBytes) {
        const room = new Uint8Array(this.#mergedBytes)
        room.set(last.bytes)
        last.bytes = room
      }
      last.bytes.set(bytes, last.length)
      last.length += bytes.length
      this.#bytes += bytes.length
    }
    last.seq = seq
    return true
  }

  push(bytes: Bytes, seq: number): void {
    this.#entries.push({ bytes, length: bytes.length, seq })
    this.#bytes += bytes.length
  }

  shift(): Chunk | undefined {
    const entry = this.#entries.shift()
    if (entry === undefined) return undefined
    this.#bytes -= entry.length
    return { bytes: entry.bytes.subarray(0, entry.length), seq: entry.seq }
  }

  clear(): void {
    this.#entries.length = 0
    this.#bytes = 0
  }
}
