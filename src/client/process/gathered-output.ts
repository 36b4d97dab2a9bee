/**
 * Collects output in bounded memory: the beginning and the end of stdout and stderr, each apart, so that a flood of one
 * displaces neither end of the other.
 */
import { joined } from '../../core/base/bytes.ts'
import type { Omission, OutputStream } from '../base/types.ts'

/** Share of the bound that each side keeps of its beginning; ends get what is left of it. */
const HEAD_SHARE = 1 / 4

type Piece = { bytes: Uint8Array; order: number }

/** One of stdout and stderr. A terminal's output counts as stdout. */
class Side {
  readonly #headBound: number
  readonly #head: Piece[] = []
  #headBytes = 0
  /** Live pieces start at `#first`. */
  #tail: (Piece | undefined)[] = []
  #first = 0
  #tailBytes = 0
  #omittedBytes = 0

  constructor(headBound: number) {
    this.#headBound = headBound
  }

  get bytes(): number {
    return this.#headBytes + this.#tailBytes
  }

  get tailBytes(): number {
    return this.#tailBytes
  }

  /** The bytes left out, and after how many of those kept. */
  get omission(): Omission | undefined {
    return this.#omittedBytes === 0 ? undefined : { at: this.#headBytes, bytes: this.#omittedBytes }
  }

  add({ bytes, order }: Piece): void {
    const room = Math.min(bytes.length, this.#headBound - this.#headBytes)
    if (room > 0) {
      this.#head.push({ bytes: bytes.subarray(0, room), order })
      this.#headBytes += room
    }
    if (room === bytes.length) return
    this.#tail.push({ bytes: bytes.subarray(room), order })
    this.#tailBytes += bytes.length - room
  }

  /** Leaves out that many bytes, of those after the head. */
  omit(count: number): void {
    this.#omittedBytes += count
    this.#tailBytes -= count
    for (let left = count; left > 0; ) {
      const { bytes, order } = this.#tail[this.#first] as Piece
      if (bytes.length > left) {
        this.#tail[this.#first] = { bytes: bytes.subarray(left), order }
        return
      }
      left -= bytes.length
      this.#tail[this.#first++] = undefined
      if (this.#first * 2 > this.#tail.length) {
        this.#tail.splice(0, this.#first)
        this.#first = 0
      }
    }
  }

  pieces(): Piece[] {
    return [...this.#head, ...(this.#tail.slice(this.#first) as Piece[])]
  }
}

/** What was gathered. */
export type Gathered = {
  stdout: Uint8Array
  stderr: Uint8Array
  all: Uint8Array
  isTruncated: boolean
  omitted: { stdout: Omission | undefined; stderr: Omission | undefined }
}

/** Gathers at most `maxBytes` bytes. */
export class OutputGatherer {
  readonly #maxBytes: number
  readonly #out: Side
  readonly #err: Side
  #order = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    const headBound = Math.floor(maxBytes * HEAD_SHARE)
    this.#out = new Side(headBound)
    this.#err = new Side(headBound)
  }

  add(stream: OutputStream, bytes: Uint8Array): void {
    const side = stream === 'stderr' ? this.#err : this.#out
    side.add({ bytes, order: this.#order++ })
    for (;;) {
      const excess = this.#out.bytes + this.#err.bytes - this.#maxBytes
      if (excess <= 0) return
      // From the longer end, down to the length of the other, and then from both in turn.
      const [longer, shorter] =
        this.#out.tailBytes >= this.#err.tailBytes ? [this.#out, this.#err] : [this.#err, this.#out]
      longer.omit(Math.min(excess, Math.max(longer.tailBytes - shorter.tailBytes, Math.ceil(excess / 2))))
    }
  }

  take(): Gathered {
    const [out, err] = [this.#out.pieces(), this.#err.pieces()]
    const omitted = { stdout: this.#out.omission, stderr: this.#err.omission }
    return {
      stdout: bytesOf(out),
      stderr: bytesOf(err),
      all: bytesOf([...out, ...err].sort((one, other) => one.order - other.order)),
      isTruncated: omitted.stdout !== undefined || omitted.stderr !== undefined,
      omitted,
    }
  }
}

const bytesOf = (pieces: readonly Piece[]): Uint8Array =>
  joined(
    pieces.map(({ bytes }) => bytes),
    pieces.reduce((sum, { bytes }) => sum + bytes.length, 0),
  )
