/**
 * Reads a terminal's master. One read returns at most 4 KB. So one buffer serves all reads, instead of a fresh 64 KB
 * each, and further bytes are read in the same turn of the event loop.
 */
import { readSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import { isDeno } from '../../base/runtime.ts'
import { readBuffer } from '../process-tree/output-pipe.ts'

/** A read of fewer bytes than this has drained the terminal. */
const FULL_READ_BYTES = 1024

/** Opens a stream on a master. `take` gets bytes that are valid during the call only. */
export function openMaster(fd: number, take: (bytes: Uint8Array) => void): ReadStream {
  if (isDeno) {
    const master = new ReadStream(fd)
    master.on('data', (bytes: Buffer) => take(bytes))
    return master
  }
  const onread = {
    buffer: readBuffer(),
    callback: (length: number, bytes: Buffer): boolean => {
      const total = length < FULL_READ_BYTES ? length : readOn(fd, bytes, length)
      take(bytes.subarray(0, total))
      return true
    },
  }
  const master = new ReadStream(fd, { onread } as object)
  // With `onread` there is no `data` listener to start the flow.
  master.resume()
  return master
}

/** Reads until the terminal is empty or the buffer is full. End and errors are left to the stream. */
function readOn(fd: number, buffer: Buffer, start: number): number {
  let end = start
  try {
    while (end < buffer.length) {
      const length = readSync(fd, buffer, end, buffer.length - end, null)
      if (length === 0) break
      end += length
    }
  } catch {
    // EAGAIN: empty for now. EIO: the end.
  }
  return end
}
