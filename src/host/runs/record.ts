/** The records of a log file: a header and a piece of output each. A server that was killed may leave half of the last. */
import { Buffer } from 'node:buffer'
import type { StoredOutput } from '../../core/base/run-store.ts'
import type { OutputStream } from '../../protocol/schemas/process.ts'

const STREAMS: readonly OutputStream[] = ['stdout', 'stderr', 'pty']

/** Stream (1 byte), length (4), time (8), position (8). */
const HEADER_BYTES = 21

/** The header of a record. */
export function recordHeader({ stream, bytes, atMs, position }: StoredOutput): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt8(STREAMS.indexOf(stream), 0)
  header.writeUInt32LE(bytes.length, 1)
  header.writeDoubleLE(atMs, 5)
  header.writeDoubleLE(position, 13)
  return header
}

/** The whole records at the beginning of a file. */
export function parseRecords(file: Buffer): StoredOutput[] {
  const records: StoredOutput[] = []
  for (let at = 0; at + HEADER_BYTES <= file.length; ) {
    const stream = STREAMS[file.readUInt8(at)]
    const start = at + HEADER_BYTES
    const end = start + file.readUInt32LE(at + 1)
    if (stream === undefined || end > file.length) break
    const [atMs, position] = [file.readDoubleLE(at + 5), file.readDoubleLE(at + 13)]
    records.push({ stream, atMs, position, bytes: file.subarray(start, end) })
    at = end
  }
  return records
}
