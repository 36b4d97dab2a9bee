/** Writes the bytes of one file to a descriptor, and checks them. */
import { ftruncateSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { writeAll } from '../../../base/write-all.ts'
import { startWriteback } from '../../ffi/libc.ts'
import { COPY_BLOCK_BYTES, COPY_WRITEBACK_BYTES } from '../../limits.ts'
import type { FileEnd } from '../messages.ts'

/** The contents of a file while they arrive. */
export class Contents {
  readonly fd: number
  /** A device or a pipe has no position to leave a hole at. */
  readonly #isStream: boolean
  #size = 0
  #crc = 0
  #endsInHole = false
  #flushed = 0

  constructor(fd: number, isStream: boolean) {
    this.fd = fd
    this.#isStream = isStream
  }

  get size(): number {
    return this.#size
  }

  /** @throws the operating system's error */
  write(bytes: Uint8Array): void {
    this.#crc = crc32(bytes, this.#crc)
    this.#put(bytes)
  }

  #put(bytes: Uint8Array): void {
    const start = this.#isStream ? undefined : this.#size
    writeAll(this.fd, bytes, (fd, all, offset) =>
      writeSync(fd, all, offset, all.length - offset, start === undefined ? null : start + offset),
    )
    this.#size += bytes.length
    this.#endsInHole = false
    if (this.#isStream || this.#size - this.#flushed < COPY_WRITEBACK_BYTES) return
    startWriteback(this.fd, this.#flushed, this.#size - this.#flushed)
    this.#flushed = this.#size
  }

  /** Leaves out zero bytes, where that is possible. */
  skip(length: number): void {
    if (!this.#isStream) {
      this.#size += length
      this.#endsInHole = true
      return
    }
    const zeros = new Uint8Array(Math.min(length, COPY_BLOCK_BYTES))
    for (let left = length; left > 0; left -= zeros.length) this.#put(zeros.subarray(0, left))
  }

  /**
   * Completes the file. Returns whether it is what was sent.
   * @throws the operating system's error
   */
  end({ crc, size }: FileEnd): boolean {
    if (this.#endsInHole) ftruncateSync(this.fd, this.#size)
    return crc === this.#crc && size === this.#size
  }
}
