import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { StoredOutput } from '../../../src/core/base/run-store.ts'
import { logPart } from '../../../src/core/output/log-part.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const everything = { position: 0, lastBytes: undefined, sinceMs: 0, maxBytes: Infinity }
const text = (entries: readonly StoredOutput[]): string =>
  entries.map(({ bytes }) => new TextDecoder().decode(bytes)).join('|')

/** Pieces of a text, of which those marked are gone. */
function stored(pieces: readonly { size: number; isGone: boolean }[]): { output: StoredOutput[]; endsAt: number } {
  let endsAt = 0
  const output = pieces.flatMap(({ size, isGone }, index): StoredOutput[] => {
    const bytes = Uint8Array.from({ length: size }, (_, at) => (endsAt + at) % 251)
    const piece: StoredOutput = { stream: 'stdout', atMs: index, position: endsAt, bytes }
    endsAt += size
    return isGone ? [] : [piece]
  })
  return { output, endsAt }
}

test('read part by part, every byte comes once, or is counted as dropped', () => {
  const piece = fc.record({ size: fc.integer({ min: 1, max: 9 }), isGone: fc.boolean() })
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 30 }),
      fc.integer({ min: 1, max: 20 }),
      fc.nat(100),
      (pieces, maxBytes, from) => {
        const { output, endsAt } = stored(pieces)
        const start = Math.min(from, endsAt)
        let [position, seen, dropped] = [start, 0, 0]
        for (let turns = 0; position < endsAt; turns++) {
          assert.ok(turns <= pieces.length, 'each part goes on')
          const part = logPart(output, endsAt, { ...everything, position, maxBytes })
          for (const { position: at, bytes } of part.entries) {
            assert.ok(at >= position)
            assert.ok(bytes.every((byte, index) => byte === (at + index) % 251))
            seen += bytes.length
          }
          dropped += part.droppedBytes
          position = part.position
        }
        assert.is(seen + dropped, endsAt - start)
        const gone = pieces.reduce(
          ({ at, sum }, { size, isGone }) => ({
            at: at + size,
            sum: sum + (isGone ? Math.max(0, at + size - Math.max(at, start)) : 0),
          }),
          { at: 0, sum: 0 },
        )
        assert.is(dropped, gone.sum)
      },
    ),
  )
})

test('what is older than asked for is left out, and is not counted as dropped', () => {
  const { output, endsAt } = stored([1, 2, 3, 4].map((size) => ({ size, isGone: false })))
  const { entries, position, droppedBytes } = logPart(output, endsAt, { ...everything, sinceMs: 2 })
  assert.equal([entries.map(({ atMs }) => atMs), position, droppedBytes], [[2, 3], 10, 0])
})

test('the last bytes begin within a piece', () => {
  const output: StoredOutput[] = [
    { stream: 'stdout', atMs: 0, position: 0, bytes: new TextEncoder().encode('one\n') },
    { stream: 'stderr', atMs: 0, position: 4, bytes: new TextEncoder().encode('two\n') },
  ]
  assert.is(text(logPart(output, 8, { ...everything, lastBytes: 5 }).entries), '\n|two\n')
  assert.is(text(logPart(output, 8, { ...everything, lastBytes: 100 }).entries), 'one\n|two\n')
  assert.equal(logPart(output, 8, { ...everything, position: 100 }), { entries: [], position: 8, droppedBytes: 0 })
})

test.run()
