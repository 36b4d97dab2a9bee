/** Joins the pieces of output that are read in one turn of the event loop, so that they are sent as one chunk. */
import type { OutputStream } from '../../protocol/schemas/process.ts'
import { joined } from '../base/bytes.ts'

/** Collects pieces of one stream. */
export class ChunkBuilder {
  #pieces: Uint8Array[] = []
  #stream: OutputStream = 'stdout'
  #length = 0

  /** Bytes collected. */
  get length(): number {
    return this.#length
  }

  /** The stream of the pieces collected. */
  get stream(): OutputStream {
    return this.#stream
  }

  /** Adds a piece. The caller takes what is there first if it belongs to another stream. */
  add(stream: OutputStream, piece: Uint8Array): void {
    this.#stream = stream
    this.#pieces.push(piece)
    this.#length += piece.length
  }

  /** Returns the bytes collected and starts anew. Copies them unless they are one piece that may be retained. */
  take(): Uint8Array {
    const [only] = this.#pieces
    const keep = this.#pieces.length === 1 && only !== undefined && isCompact(only)
    const bytes = keep ? only : joined(this.#pieces, this.#length)
    this.clear()
    return bytes
  }

  clear(): void {
    this.#pieces = []
    this.#length = 0
  }
}

/**
 * Whether a view may be retained without a copy: a few bytes of a large read buffer would keep the whole buffer alive.
 */
function isCompact(bytes: Uint8Array): boolean {
  return bytes.length * 2 >= bytes.buffer.byteLength
}
