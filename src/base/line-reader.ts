/** Splits a byte stream into lines. An overlong line is dropped as it arrives and reported once. */
import { joined } from './joined.ts'

/** A line splitter for one byte stream. */
export type LineReader = {
  push(bytes: Uint8Array): void
  /** Call at the end of the stream: emits an unterminated last line. */
  end(): void
}

/** The byte LF. */
export const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d

/**
 * Creates a line splitter. `maxBytes` excludes the newline, and may change from line to line. Lines are passed on without CR LF or LF; blank lines are
 * skipped.
 */
export function lineReader(
  maxBytes: number | (() => number),
  onLine: (line: Uint8Array) => void,
  onTooLong: () => void,
): LineReader {
  let pieces: Uint8Array[] = []
  let length = 0
  let overflowed = false

  const add = (piece: Uint8Array): void => {
    if (overflowed || piece.length === 0) return
    pieces.push(piece)
    length += piece.length
    if (length <= (typeof maxBytes === 'number' ? maxBytes : maxBytes())) return
    overflowed = true
    pieces = []
    onTooLong()
  }

  const finish = (): void => {
    const line = pieces.length === 1 ? (pieces[0] as Uint8Array) : joined(pieces, overflowed ? 0 : length)
    pieces = []
    length = 0
    if (!overflowed) handOver(line)
    overflowed = false
  }

  const handOver = (line: Uint8Array): void => {
    const end = line.at(-1) === CARRIAGE_RETURN ? line.length - 1 : line.length
    for (let at = 0; at < end; at++) {
      const byte = line[at] as number
      if (byte !== 0x20 && byte !== 0x09 && byte !== CARRIAGE_RETURN) return onLine(line.subarray(0, end))
    }
  }

  return {
    push: (bytes) => {
      let start = 0
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, start)) {
        add(bytes.subarray(start, at))
        finish()
        start = at + 1
      }
      add(bytes.subarray(start))
    },
    end: () => {
      if (length > 0) finish()
    },
  }
}
