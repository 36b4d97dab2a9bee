import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { lineReader } from '../../src/base/line-reader.ts'
import { test } from '../support/suite.ts'

/** The lines that come of these pieces, and how often one was too long. */
function read(pieces: readonly Uint8Array[], maxBytes = Infinity): { lines: string[]; tooLong: number } {
  const lines: string[] = []
  let tooLong = 0
  const reader = lineReader(
    maxBytes,
    (line) => lines.push(Buffer.from(line).toString('latin1')),
    () => tooLong++,
  )
  for (const piece of pieces) reader.push(piece)
  reader.end()
  return { lines, tooLong }
}

/** A text of few different bytes, so that line ends and blanks are frequent, cut anywhere. */
const pieces = fc.array(
  fc
    .array(fc.constantFrom(...Array.from('ab\n\r \t', (character) => character.charCodeAt(0))), { maxLength: 12 })
    .map((bytes) => Uint8Array.from(bytes)),
)

test('lines are the same however the stream is cut; blank ones are passed over, and CR before LF belongs to the end', () => {
  fc.assert(
    fc.property(pieces, (cut) => {
      const text = Buffer.concat(cut).toString('latin1')
      const expected = text
        .split('\n')
        .map((line) => line.replace(/\r$/, ''))
        .filter((line) => /[^ \t\r]/.test(line))
      assert.equal(read(cut), { lines: expected, tooLong: 0 })
    }),
    { numRuns: 2000 },
  )
})

test('an overlong line is reported once and dropped, and the next ones are read', () => {
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 8 }), (cut, maxBytes) => {
      const all = Buffer.concat(cut).toString('latin1').split('\n')
      const { lines, tooLong } = read(cut, maxBytes)
      assert.is(tooLong, all.filter((line) => line.length > maxBytes).length)
      const fitting = all.filter((line) => line.length <= maxBytes).map((line) => line.replace(/\r$/, ''))
      assert.equal(
        lines,
        fitting.filter((line) => /[^ \t\r]/.test(line)),
      )
    }),
    { numRuns: 2000 },
  )
})

test.run()
