/**
 * Buffers that are used again. To touch fresh memory costs more than to fill it: the kernel has to find and clear each
 * page.
 */
import { release } from '../../core/base/bytes.ts'

/** Hands out buffers of one size. */
export class BufferPool {
  readonly #bytes: number
  readonly #kept: number
  readonly #free: Buffer[] = []

  /** Buffers of `bytes` bytes, of which it keeps `kept` while they are free. */
  constructor(bytes: number, kept: number) {
    this.#bytes = bytes
    this.#kept = kept
  }

  /** A buffer with any content: the one that was given back last, so that few pages are in use. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes)
  }

  /** Takes back a buffer that is no longer used. */
  giveBack(buffer: Buffer): void {
    if (this.#free.length < this.#kept) this.#free.push(buffer)
  }

  /** Frees all free buffers. */
  clear(): void {
    for (const buffer of this.#free.splice(0)) release(buffer)
  }
}
