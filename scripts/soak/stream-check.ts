/** Holds a stream of bytes against what it should be, byte by byte. */
import type { Ledger } from './ledger.ts'

/** What a stream should hold: a block, over and over, up to a length. */
export type Expected = { block: Buffer; length: number }

/** As many bytes hold at least one whole line of a block, by which their place is found. */
const MARK_BYTES = 48

export const whole = (block: Buffer): Expected => ({ block, length: block.length })

export class StreamCheck {
  readonly #name: string
  readonly #expected: Expected
  readonly #ledger: Ledger
  #at = 0
  /** Once something was wrong, all that follows would be, too. */
  #failed = false

  constructor(name: string, expected: Expected, ledger: Ledger) {
    this.#name = name
    this.#expected = expected
    this.#ledger = ledger
  }

  get at(): number {
    return this.#at
  }

  take(bytes: Buffer): void {
    if (this.#failed) return
    const { block, length } = this.#expected
    for (let taken = 0; taken < bytes.length; ) {
      const place = this.#at % block.length
      const size = Math.min(bytes.length - taken, block.length - place, length - this.#at)
      if (size <= 0)
        return this.#fail(bytes.length - taken, `${bytes.length - taken} bytes beyond the end at ${length}`)
      if (bytes.compare(block, place, place + size, taken, taken + size) !== 0) {
        const [found, expected] = [bytes.subarray(taken, taken + size), block.subarray(place, place + size)]
        return this.#fail(size, `at ${this.#at} there is ${brief(found)} instead of ${brief(expected)}`)
      }
      this.#at += size
      taken += size
    }
  }

  /** Some of it was not kept for us: finds out how much by what comes next. */
  skipTo(next: Buffer): void {
    if (this.#failed) return
    const { block } = this.#expected
    const place = find(block, next.subarray(0, MARK_BYTES))
    if (place < 0) return this.#fail(1, `after a gap at ${this.#at} comes what stands nowhere: ${brief(next)}`)
    const skipped = (((place - this.#at) % block.length) + block.length) % block.length
    this.#at += skipped
    this.#ledger.skippedBytes += skipped
  }

  /** The stream has ended, and should be whole unless its process was killed. */
  finish(isWhole: boolean): void {
    const { length } = this.#expected
    this.#ledger.expectedBytes += isWhole ? length : this.#at
    this.#ledger.receivedBytes += this.#at
    if (isWhole && !this.#failed && this.#at < length)
      this.#fail(length - this.#at, `ended at ${this.#at} instead of ${length}`)
  }

  #fail(bytes: number, detail: string): void {
    this.#failed = true
    this.#ledger.wrong(bytes, `${this.#name}: ${detail}`)
  }
}

/** Where a mark stands, also if that is across the end. */
function find(block: Buffer, mark: Buffer): number {
  const place = block.indexOf(mark)
  if (place >= 0) return place
  const seam = Buffer.concat([block.subarray(-MARK_BYTES), block.subarray(0, MARK_BYTES)]).indexOf(mark)
  return seam < 0 ? seam : block.length - MARK_BYTES + seam
}

const brief = (bytes: Buffer): string => JSON.stringify(bytes.toString('latin1', 0, 40).replace(/[^ -~\r\n]/g, '?'))
