/** Copies bytes between two open files. */
import { readSync, writeSync } from 'node:fs'
import { writeAll } from '../../../base/write-all.ts'
import { COPY_BLOCK_BYTES } from '../../limits.ts'

/**
 * Copies the bytes from `start` to `end`, or to the end of the file, to the same place of another.
 * @throws the operating system's error
 */
export function copyRange(from: number, to: number, { start, end }: { start: number; end: number }): void {
  const block = Buffer.allocUnsafeSlow(Math.max(0, Math.min(COPY_BLOCK_BYTES, end - start)))
  for (let at = start; at < end; ) {
    const count = readSync(from, block, 0, Math.min(block.length, end - at), at)
    if (count === 0) return
    const position = at
    writeAll(to, block.subarray(0, count), (fd, bytes, offset) =>
      writeSync(fd, bytes, offset, bytes.length - offset, position + offset),
    )
    at += count
  }
}
