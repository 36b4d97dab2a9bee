/** What is retained of one process's output: the ring that process/read returns, and the ends of each stream. */
import type { OutputStream } from '../../protocol/schemas/process.ts'
import { release } from '../base/bytes.ts'
import type { TimedChunk } from '../base/chunk.ts'
import type { Limits } from '../base/limits.ts'
import type { LogPart, LogRange } from '../base/run-store.ts'
import { EvictedOutput } from './evicted-output.ts'
import { logPart } from './log-part.ts'
import { OutputRing } from './output-ring.ts'
import { streamEnds } from './stream-ends.ts'
import type { StreamEnds } from './stream-ends.ts'

type Bounds = Pick<Limits, 'retainedPerProcess' | 'retainedEdge' | 'chunksPerProcess' | 'chunkOverhead'>

/** Retains chunks in order. */
export class RetainedOutput {
  readonly ring: OutputRing<TimedChunk>
  readonly #evicted: EvictedOutput
  #totalBytes = 0
  /** Number of the last chunk, and of the last one whose bytes others may hold. */
  #lastSeq = 0
  #lastLent = 0

  constructor({ retainedPerProcess, retainedEdge, chunksPerProcess, chunkOverhead }: Bounds) {
    const edge = retainedPerProcess * retainedEdge
    const evicted = new EvictedOutput({ head: edge, tail: edge, chunkOverhead })
    this.#evicted = evicted
    this.ring = new OutputRing({ bytes: retainedPerProcess, chunks: chunksPerProcess, chunkOverhead }, (chunk) => {
      if (!evicted.evicted(chunk) && chunk.seq > this.#lastLent) release(chunk.bytes)
    })
  }

  /**
   * The ring, for those who hold on to the bytes of its chunks. The memory of others is used again when the ring has dropped
   * them.
   */
  lend(): OutputRing<TimedChunk> {
    this.#lastLent = Math.max(this.#lastLent, this.#lastSeq)
    return this.ring
  }

  /** All chunks to come are held on to. */
  lendAll(): void {
    this.#lastLent = Infinity
  }

  /** Memory in bytes, with the overhead of each chunk. */
  get cost(): number {
    return this.ring.cost + this.#evicted.cost
  }

  /** Number of the last chunk that the ring has dropped; 0 if there is none. */
  get lastDropped(): number {
    return this.#evicted.lastSeq
  }

  /** How much the ring has dropped. */
  get dropped(): { readonly evictedBytes: number; readonly evictedChunks: number } {
    return this.#evicted
  }

  /** Adds a chunk. The ring keeps all chunks after `keptAfter`. */
  append(seq: number, stream: OutputStream, bytes: Uint8Array, keptAfter: number): TimedChunk {
    const chunk: TimedChunk = { seq, stream, bytes, atMs: Date.now(), position: this.#totalBytes }
    this.#totalBytes += bytes.length
    this.#lastSeq = seq
    this.#evicted.added(chunk)
    this.ring.append(chunk, keptAfter)
    return chunk
  }

  /** Both ends of a stream; undefined if nothing was written to it. */
  ends(stream: OutputStream): StreamEnds | undefined {
    const { head, tail, totalBytes } = this.#evicted.of(stream)
    if (totalBytes === 0) return undefined
    const inRing = this.lend()
      .read(0, Infinity)
      .filter((chunk) => chunk.stream === stream)
    return streamEnds(head, [...tail, ...inRing], totalBytes)
  }

  /** Reads all that is retained, the beginning included. */
  logs(range: LogRange): LogPart {
    const ends = this.#evicted.chunks().sort((one, other) => one.position - other.position)
    return logPart([...ends, ...this.lend().read(0, Infinity)], this.#totalBytes, range)
  }

  /**
   * Drops one chunk to save memory: of the ends, which process/read does not return, else the oldest of the ring up to
   * `lastSeq`. Returns the bytes freed.
   */
  drop(lastSeq: number): number {
    const freed = this.#evicted.dropOne()
    const chunk = this.ring.oldest
    if (freed > 0 || chunk === undefined || chunk.seq > lastSeq) return freed
    const before = this.cost
    this.#evicted.stopKeeping(chunk.stream)
    this.ring.dropOldest()
    return before - this.cost
  }

  /** Drops everything. Returns the bytes freed. */
  clear(): number {
    const before = this.cost
    this.ring.clear()
    this.#evicted.clear()
    return before
  }
}
