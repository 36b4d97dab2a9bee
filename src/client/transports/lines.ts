/** Splits a byte stream into lines of text: JSON messages, one per line. */
import { lineReader } from '../../base/line-reader.ts'
import type { LineReader } from '../../base/line-reader.ts'
import { ProtocolError } from '../base/errors.ts'

/**
 * Calls `onLine` for each line, trimmed; skips blank lines.
 * @throws {ProtocolError} From `push`, if a line is longer than `maxBytes`.
 */
export function textLines(maxBytes: number, onLine: (line: string) => void): LineReader {
  const decoder = new TextDecoder()
  return lineReader(
    maxBytes,
    (bytes) => {
      const line = decoder.decode(bytes).trim()
      if (line !== '') onLine(line)
    },
    () => {
      throw new ProtocolError(`a line has more than ${maxBytes} bytes`)
    },
  )
}
