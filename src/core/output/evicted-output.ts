/**
 * What a process keeps of the output that its ring has evicted: the first bytes of each stream, and the last ones of a
 * stream whose chunks another stream has displaced. A flood of stdout so evicts neither the first error nor the last.
 */
import type { OutputStream } from '../../protocol/schemas/process.ts'
import type { TimedChunk } from '../base/chunk.ts'

/** Limits of one process: bytes of the beginning and of the end of each stream; `chunkOverhead` as for the ring. */
export type EdgeBounds = { head: number; tail: number; chunkOverhead: number }

/** Both ends of one stream. */
type Edges = {
  /** The first chunks, without gaps. The last one may be a part of what was evicted. */
  head: TimedChunk[]
  /** Infinite once nothing may be added. */
  headBytes: number
  /** The last evicted chunks, without gaps up to those in the ring. */
  tail: TimedChunk[]
  tailBytes: number
  /** Bytes of this stream that are in the ring. */
  ringBytes: number
  /** All bytes of this stream so far. */
  totalBytes: number
  /** The ring evicts to save memory: its next chunk of this stream is not kept. */
  isShort: boolean
}

/** Receives a ring's chunks as they are added and evicted, and keeps the ends. */
export class EvictedOutput {
  readonly #bounds: EdgeBounds
  readonly #streams = new Map<OutputStream, Edges>()
  #bytes = 0
  #chunks = 0
  #evictedBytes = 0
  #evictedChunks = 0
  #lastSeq = 0

  constructor(bounds: EdgeBounds) {
    this.#bounds = bounds
  }

  /** Memory cost in bytes, with the overhead of each chunk. */
  get cost(): number {
    return this.#bytes + this.#chunks * this.#bounds.chunkOverhead
  }

  /** Bytes that the ring has evicted, kept here or not. */
  get evictedBytes(): number {
    return this.#evictedBytes
  }

  /** Chunks that the ring has evicted. */
  get evictedChunks(): number {
    return this.#evictedChunks
  }

  /** Sequence number of the last chunk that the ring has evicted; 0 if there is none. */
  get lastSeq(): number {
    return this.#lastSeq
  }

  /** A chunk was added to the ring. */
  added({ stream, bytes }: TimedChunk): void {
    const edges = this.#edgesOf(stream)
    edges.ringBytes += bytes.length
    edges.totalBytes += bytes.length
  }

  /** The ring has evicted its oldest chunk. Returns whether its bytes are kept here. */
  evicted(chunk: TimedChunk): boolean {
    const { stream, bytes, seq } = chunk
    const edges = this.#edgesOf(stream)
    edges.ringBytes -= bytes.length
    this.#evictedBytes += bytes.length
    this.#evictedChunks++
    this.#lastSeq = seq
    if (edges.isShort) {
      edges.isShort = false
      return false
    }
    const rest = this.#addToHead(edges, chunk)
    if (rest === undefined) return true
    // The usual case of a flood: the ring holds more of this stream than its tail has to.
    if (edges.tail.length === 0 && edges.ringBytes >= this.#bounds.tail) return false
    this.#keep(rest)
    edges.tail.push(rest)
    edges.tailBytes += rest.bytes.length
    this.#trim(edges)
    return rest === chunk
  }

  /** Adds what fits to the head. Returns the rest. */
  #addToHead(edges: Edges, chunk: TimedChunk): TimedChunk | undefined {
    const room = this.#bounds.head - edges.headBytes
    if (room <= 0) return chunk
    const { bytes } = chunk
    // A copy: a view would keep the rest alive.
    const first = bytes.length <= room ? chunk : { ...chunk, bytes: bytes.slice(0, room) }
    edges.head.push(first)
    edges.headBytes += first.bytes.length
    this.#keep(first)
    return first === chunk ? undefined : { ...chunk, bytes: bytes.slice(room), position: chunk.position + room }
  }

  /** Drops chunks of the tail that the stream's last `tail` bytes do without. */
  #trim(edges: Edges): void {
    let oldest = edges.tail[0]
    while (oldest !== undefined && edges.tailBytes - oldest.bytes.length + edges.ringBytes >= this.#bounds.tail) {
      this.#dropTail(edges)
      oldest = edges.tail[0]
    }
  }

  #dropTail(edges: Edges): void {
    const chunk = edges.tail.shift()
    if (chunk === undefined) return
    edges.tailBytes -= chunk.bytes.length
    this.#forget(chunk)
  }

  /** All chunks kept here, of each stream in order. */
  chunks(): TimedChunk[] {
    return [...this.#streams.values()].flatMap(({ head, tail }) => [...head, ...tail])
  }

  /** What is kept of one stream, and how much it had. The tail is followed by the ring's chunks. */
  of(stream: OutputStream): { head: readonly TimedChunk[]; tail: readonly TimedChunk[]; totalBytes: number } {
    return this.#streams.get(stream) ?? NOTHING
  }

  /** Drops one chunk to save memory: the oldest of a tail, else the last of a head. Returns the bytes freed. */
  dropOne(): number {
    if (this.#chunks === 0) return 0
    const before = this.cost
    const all = [...this.#streams.values()]
    const withTail = all.find(({ tail }) => tail.length > 0)
    if (withTail !== undefined) this.#dropTail(withTail)
    else {
      const edges = all.find(({ head }) => head.length > 0)
      const chunk = edges?.head.pop()
      if (edges === undefined || chunk === undefined) return 0
      // Later chunks must not follow a gap.
      edges.headBytes = Infinity
      this.#forget(chunk)
    }
    return before - this.cost
  }

  /** Memory is short: adds no more to the head of this stream, and nothing to its tail that the ring evicts now. */
  stopKeeping(stream: OutputStream): void {
    const edges = this.#edgesOf(stream)
    edges.headBytes = Infinity
    edges.isShort = true
  }

  clear(): void {
    this.#streams.clear()
    this.#bytes = 0
    this.#chunks = 0
  }

  #edgesOf(stream: OutputStream): Edges {
    let edges = this.#streams.get(stream)
    if (edges === undefined) {
      edges = { head: [], headBytes: 0, tail: [], tailBytes: 0, ringBytes: 0, totalBytes: 0, isShort: false }
      this.#streams.set(stream, edges)
    }
    return edges
  }

  #keep({ bytes }: TimedChunk): void {
    this.#bytes += bytes.length
    this.#chunks++
  }

  #forget({ bytes }: TimedChunk): void {
    this.#bytes -= bytes.length
    this.#chunks--
  }
}

const NOTHING = { head: [], tail: [], totalBytes: 0 }
