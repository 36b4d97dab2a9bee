/**
 * Reads a terminal's master. A terminal hands out 4 KB a read at most. So one buffer serves all reads
 * instead of 64 KB of fresh memory for each, and what more is there is read at once, without a turn of the
 * loop for each piece.
 */
import { readSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import { isDeno } from '../../base/runtime.ts'

/** What is read in one go at most: one chunk of output. Others have their turn then. */
const READ_BYTES = 64 * 1024

/** A read that gave less than this had all there was. */
const FULL_READ_BYTES = 1024

/** One for all terminals: what is read is copied before the next read of any begins. */
let buffer: Buffer | undefined

/** The stream of a master; `take` gets copies that are its to keep. */
export function openMaster(fd: number, take: (bytes: Uint8Array) => void): ReadStream {
  if (isDeno) {
    const master = new ReadStream(fd)
    master.on('data', (bytes: Buffer) => take(bytes))
    return master
  }
  buffer ??= Buffer.allocUnsafeSlow(READ_BYTES)
  const onread = {
    buffer,
    callback: (length: number, bytes: Buffer): boolean => {
      const total = length < FULL_READ_BYTES ? length : readOn(fd, bytes, length)
      take(new Uint8Array(bytes.subarray(0, total)))
      return true
    },
  }
  const master = new ReadStream(fd, { onread } as object)
  // Without a listener for data nothing else would make it begin.
  master.resume()
  return master
}

/** Reads until nothing is there, or the buffer is full. Ends and faults are the stream's to find. */
function readOn(fd: number, buffer: Buffer, start: number): number {
  let end = start
  try {
    while (end < buffer.length) {
      const length = readSync(fd, buffer, end, buffer.length - end, null)
      if (length === 0) break
      end += length
    }
  } catch {
    // EAGAIN for now, or EIO at the end.
  }
  return end
}
