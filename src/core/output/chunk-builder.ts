/**
 * Joins the pieces of output that are read in one turn of the event loop, so that they are sent as one chunk. Its memory is
 * used again: a flood of output would else cost a third more, for fresh pages and for the garbage collector.
 */
import type { OutputStream } from '../../protocol/schemas/process.ts'
import { release, reuse } from '../base/bytes.ts'

/** Collects pieces of one stream, and copies them. */
export class ChunkBuilder {
  readonly #chunkBytes: number
  /** The only piece, if it is a small one. */
  #small: Uint8Array | undefined
  /** All pieces, if there is no small one. */
  #buffer: Uint8Array | undefined
  #stream: OutputStream = 'stdout'
  #length = 0

  /** `chunkBytes`: bytes of the largest chunk. */
  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes
  }

  /** Bytes collected. */
  get length(): number {
    return this.#length
  }

  /** The stream of the pieces collected. */
  get stream(): OutputStream {
    return this.#stream
  }

  /** Adds a piece, for which there must be room. The caller takes what is there first if it belongs to another stream. */
  add(stream: OutputStream, piece: Uint8Array): void {
    this.#stream = stream
    if (this.#length === 0 && !this.#isWorthBuffer(piece.length)) this.#small = new Uint8Array(piece)
    else (this.#buffer ??= this.#newBuffer()).set(piece, this.#length)
    this.#length += piece.length
  }

  /** A buffer that begins with the small piece. */
  #newBuffer(): Uint8Array {
    const buffer = new Uint8Array(reuse(this.#chunkBytes, allocate), 0, this.#chunkBytes)
    if (this.#small !== undefined) buffer.set(this.#small)
    this.#small = undefined
    return buffer
  }

  /** Whether so many bytes may hold a whole buffer. */
  #isWorthBuffer(bytes: number): boolean {
    return bytes * 2 >= this.#chunkBytes
  }

  /** Returns the bytes collected and starts anew. They may be given to {@link release} once they are not needed any more. */
  take(): Uint8Array {
    const all = this.#small ?? this.#buffer?.subarray(0, this.#length) ?? new Uint8Array()
    const isKept = this.#buffer === undefined || this.#isWorthBuffer(this.#length)
    const bytes = isKept ? all : all.slice()
    if (isKept) this.#buffer = undefined
    this.clear()
    return bytes
  }

  clear(): void {
    if (this.#buffer !== undefined) release(this.#buffer)
    this.#buffer = this.#small = undefined
    this.#length = 0
  }
}

const allocate = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes)
