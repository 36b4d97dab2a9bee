/** Overwrites a file where it is, from a complete copy of the new contents. */
import { fstatSync, fsyncSync, ftruncateSync, readSync } from 'node:fs'
import { writeAll } from '../../../base/write-all.ts'
import { COPY_BLOCK_BYTES } from '../../limits.ts'
import { writeSync } from 'node:fs'

/**
 * Replaces the contents of `to` by those of `from`. What needs new space is written first: when the disk is full, the
 * file is as it was. Synchronous: no signal comes in between.
 * @throws the operating system's error
 */
export function overwrite(from: number, to: number): void {
  const [size, before] = [fstatSync(from).size, fstatSync(to).size]
  try {
    copyRange(from, to, before, size)
  } catch (error) {
    ftruncateSync(to, before)
    throw error
  }
  copyRange(from, to, 0, Math.min(before, size))
  if (size < before) ftruncateSync(to, size)
  fsyncSync(to)
}

function copyRange(from: number, to: number, start: number, end: number): void {
  const block = new Uint8Array(COPY_BLOCK_BYTES)
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
