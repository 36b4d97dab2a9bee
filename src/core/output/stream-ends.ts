/** The beginning and the end of one stream of a process's output, as far as they are retained. */
import { joined } from '../base/bytes.ts'
import type { Chunk } from '../base/chunk.ts'

/** Both ends of a stream. Nothing is dropped: `head` is the whole stream, and `tail` empty. */
export type StreamEnds = {
  readonly head: Uint8Array
  readonly tail: Uint8Array
  /** All that the process has written to it. */
  readonly totalBytes: number
  /** What is missing between head and tail. */
  readonly droppedBytes: number
}

/** Joins the chunks of both ends; `totalBytes` says whether anything is missing in between. */
export function streamEnds(head: readonly Chunk[], tail: readonly Chunk[], totalBytes: number): StreamEnds {
  const droppedBytes = totalBytes - sizeOf(head) - sizeOf(tail)
  if (droppedBytes === 0) return { head: bytesOf([...head, ...tail]), tail: EMPTY, totalBytes, droppedBytes }
  return { head: bytesOf(head), tail: bytesOf(tail), totalBytes, droppedBytes }
}

/** Cuts both ends so that they have `maxBytes` together: a quarter of it for the beginning. */
export function endsWithin(ends: StreamEnds, maxBytes: number): StreamEnds {
  const { totalBytes } = ends
  if (ends.head.length + ends.tail.length <= maxBytes) return ends
  const isWhole = ends.droppedBytes === 0
  const headBytes = Math.min(ends.head.length, Math.floor(maxBytes / 4))
  const head = ends.head.subarray(0, headBytes)
  const tailBytes = maxBytes - headBytes
  const last = isWhole ? ends.head : ends.tail
  const tail = tailBytes === 0 ? EMPTY : last.subarray(Math.max(0, last.length - tailBytes))
  return { head, tail, totalBytes, droppedBytes: totalBytes - head.length - tail.length }
}

const EMPTY = new Uint8Array()
const sizeOf = (chunks: readonly Chunk[]): number => chunks.reduce((sum, { bytes }) => sum + bytes.length, 0)
const bytesOf = (chunks: readonly Chunk[]): Uint8Array =>
  joined(
    chunks.map(({ bytes }) => bytes),
    sizeOf(chunks),
  )
