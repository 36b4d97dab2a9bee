/** The output of a run: its first and its last bytes, and how many there were. */
import { joined } from '../../base/joined.ts'
import { KEPT_HEAD, KEPT_TAIL } from '../limits.ts'

export class OutputStore {
  readonly #maxHead: number
  readonly #maxTail: number
  readonly #head: Uint8Array[] = []
  readonly #tail: Uint8Array[] = []
  #headBytes = 0
  #tailBytes = 0

  constructor(maxHead = KEPT_HEAD, maxTail = KEPT_TAIL) {
    this.#maxHead = maxHead
    this.#maxTail = maxTail
  }

  /** All bytes so far. */
  total = 0

  /** The position of the first byte that is kept to the end. */
  get tailStart(): number {
    return this.total - this.#tailBytes
  }

  append(bytes: Uint8Array): void {
    const room = this.#maxHead - this.#headBytes
    if (room > 0) {
      const part = bytes.slice(0, room)
      this.#head.push(part)
      this.#headBytes += part.length
    }
    this.total += bytes.length
    this.#tail.push(bytes)
    this.#tailBytes += bytes.length
    while (this.#tailBytes - (this.#tail[0] as Uint8Array).length >= this.#maxTail)
      this.#tailBytes -= (this.#tail.shift() as Uint8Array).length
  }

  /** The first position from `from` on whose byte is kept. */
  keptFrom(from: number): number {
    return from >= this.tailStart || from < this.#headBytes ? Math.min(from, this.total) : this.tailStart
  }

  /** The bytes from `from` (a kept position) to `to`, or to the end of what is kept without a gap. */
  slice(from: number, to: number): Uint8Array {
    if (from >= this.tailStart) return part(this.#tail, from - this.tailStart, to - this.tailStart)
    return part(this.#head, from, to)
  }
}

function part(pieces: readonly Uint8Array[], from: number, to: number): Uint8Array {
  const found: Uint8Array[] = []
  let [at, size] = [0, 0]
  for (const piece of pieces) {
    if (at >= to) break
    const cut = piece.subarray(Math.max(from - at, 0), Math.max(to - at, 0))
    if (cut.length > 0) found.push(cut)
    size += cut.length
    at += piece.length
  }
  return joined(found, size)
}
