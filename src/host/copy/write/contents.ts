/** Writes the bytes of one file in the background, and checks them. */
import { closeSync, ftruncateSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { writeAll } from '../../../base/write-all.ts'
import { writeQueue } from '../../../base/write-queue.ts'
import type { WriteQueue } from '../../../base/write-queue.ts'
import { startWriteback } from '../../ffi/file-calls.ts'
import { COPY_BLOCK_BYTES, COPY_UNWRITTEN_BYTES, COPY_WRITEBACK_BYTES } from '../../limits.ts'
import type { FileEnd } from '../messages.ts'

/**
 * How a file is written: in the background or, in less processor time, in calls that block the thread. A device or a pipe
 * is a stream: it has no position to leave a hole at, and is written in the background, as it may take any time.
 */
export type WriteMode = 'background' | 'blocking' | 'stream'

/** The contents of a file while they arrive. */
export class Contents {
  readonly fd: number
  readonly #mode: WriteMode
  readonly #queue: WriteQueue
  #size = 0
  #crc = 0
  #endsInHole = false
  #flushed = 0

  constructor(fd: number, mode: WriteMode) {
    this.fd = fd
    this.#mode = mode
    this.#queue = writeQueue(fd, { room: COPY_UNWRITTEN_BYTES, ...(mode === 'stream' ? {} : { position: 0 }) })
  }

  get size(): number {
    return this.#size
  }

  /**
   * Takes bytes, which must not be changed before they are written. Resolves when there is room for more; undefined: there is.
   * @throws the operating system's error, which may be that of an earlier write
   */
  write(bytes: Uint8Array): Promise<void> | undefined {
    this.#crc = crc32(bytes, this.#crc)
    const at = this.#size
    this.#size += bytes.length
    this.#endsInHole = false
    if (this.#mode !== 'blocking') {
      this.#startWriteback(this.#queue.written)
      return this.#queue.push(bytes)
    }
    writeAll(this.fd, bytes, (fd, all, offset) => writeSync(fd, all, offset, all.length - offset, at + offset))
    this.#startWriteback(this.#size)
    return undefined
  }

  /**
   * Takes all bytes of a small file. Synchronous where that cannot wait: it is several times faster for them.
   * @throws the operating system's error
   */
  writeWhole(bytes: Uint8Array): void {
    if (this.#mode === 'stream') return void this.write(bytes)
    this.#crc = crc32(bytes)
    this.#size = bytes.length
    writeAll(this.fd, bytes)
  }

  #startWriteback(written: number): void {
    if (this.#mode === 'stream' || written - this.#flushed < COPY_WRITEBACK_BYTES) return
    startWriteback(this.fd, this.#flushed, written - this.#flushed)
    this.#flushed = written
  }

  /** Leaves out zero bytes, where that is possible. Throws and resolves as {@link write}. */
  skip(length: number): Promise<void> | undefined {
    if (this.#mode === 'stream') return this.#writeZeros(length)
    const pending = this.#queue.flush()
    if (pending !== undefined) return pending.then(() => this.#skip(length))
    this.#skip(length)
    return undefined
  }

  #skip(length: number): void {
    this.#queue.skip(length)
    this.#size += length
    this.#endsInHole = true
  }

  async #writeZeros(length: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(length, COPY_BLOCK_BYTES))
    for (let left = length; left > 0; left -= zeros.length) await this.#queue.push(zeros.subarray(0, left))
    this.#size += length
  }

  /**
   * Completes the file. Returns whether it is what was sent.
   * @throws the operating system's error
   */
  end(end: FileEnd): Promise<boolean> | boolean {
    const pending = this.#queue.flush()
    return pending === undefined ? this.#isComplete(end) : pending.then(() => this.#isComplete(end))
  }

  #isComplete({ crc, size }: FileEnd): boolean {
    if (this.#endsInHole) ftruncateSync(this.fd, this.#size)
    return crc === this.#crc && size === this.#size
  }

  /** Closes the descriptor, before the end of the file, too. */
  close(): void {
    const writing = this.#queue.cancel()
    // What is being written must not meet another file of this number.
    if (writing === undefined) closeSync(this.fd)
    else void writing.then(() => closeSync(this.fd))
  }
}
