/** Splits a byte stream into lines of text. */
import { joined } from '../../core/base/bytes.ts'
import { ProtocolError } from '../base/errors.ts'

const NEWLINE = 10

/** Push bytes, then `end`. */
export type LineSplitter = {
  push(bytes: Uint8Array): void
  /** Flushes a last line without a newline. */
  end(): void
}

/**
 * Calls `take` for each line, without its newline; skips blank lines.
 * @throws {ProtocolError} From `push`, if a line is longer than `maxBytes`.
 */
export function lineSplitter(maxBytes: number, take: (line: string) => void): LineSplitter {
  const decoder = new TextDecoder()
  let pieces: Uint8Array[] = []
  let length = 0
  const finish = (): void => {
    const text = decoder.decode(pieces.length === 1 ? pieces[0] : joined(pieces, length)).trim()
    pieces = []
    length = 0
    if (text !== '') take(text)
  }
  const keep = (piece: Uint8Array): void => {
    pieces.push(piece)
    length += piece.length
    if (length > maxBytes) throw new ProtocolError(`a line has more than ${maxBytes} bytes`)
  }
  return {
    push: (bytes) => {
      let start = 0
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        keep(bytes.subarray(start, end))
        start = end + 1
        finish()
      }
      if (start < bytes.length) keep(bytes.subarray(start))
    },
    end: finish,
  }
}
