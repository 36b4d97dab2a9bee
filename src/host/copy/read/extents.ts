/** Where a file has data, and where holes. */
import type { BigIntStats } from 'node:fs'
import { seekExtent } from '../../ffi/file-calls.ts'

/** A part of a file, in bytes. */
export type Extent = { isHole: boolean; start: number; end: number }

/** Units of `st_blocks`, in bytes. */
const BLOCK_BYTES = 512n

/** The parts of an open file of this size, in order. One part, of data, where there are no holes or none are known. */
export function* extentsOf(fd: number, { size, blocks }: BigIntStats): Generator<Extent, void, undefined> {
  const end = Number(size)
  let at = 0
  if (blocks * BLOCK_BYTES < size) {
    while (at < end) {
      const hole = seekExtent(fd, at, 'hole')
      // Not known here: the rest is read.
      if (hole === undefined || hole < at) break
      if (hole > at) yield { isHole: false, start: at, end: Math.min(hole, end) }
      at = Math.min(hole, end)
      if (at === end) return
      const data = seekExtent(fd, at, 'data') ?? end
      // Negative: there is none up to the end.
      const next = data <= at ? end : Math.min(data, end)
      yield { isHole: true, start: at, end: next }
      at = next
    }
  }
  if (at < end) yield { isHole: false, start: at, end }
}
