import * as assert from 'uvu/assert'
import { OutputStore } from '../../../src/mcp/runs/output-store.ts'
import { nextOutput, wholeOutput } from '../../../src/mcp/runs/run-report.ts'
import { suite } from '../../support/suite.ts'

const test = suite('run output')

function stored(text: string, head = 4, tail = 6): OutputStore {
  const store = new OutputStore(head, tail)
  for (const byte of new TextEncoder().encode(text)) store.append(Uint8Array.of(byte))
  return store
}

test('all output is answered where it is kept and fits', () => {
  assert.equal(wholeOutput(stored('abc'), 1, 10), { text: 'bc', omitted: 0, end: 3 })
})

test('the first and the last bytes are kept, and those between them are counted', () => {
  const { text, omitted, end } = wholeOutput(stored('0123456789abcdef'), 0, 100)
  assert.is(text, '0123\n[… 6 bytes omitted …]\nabcdef')
  assert.equal([omitted, end], [6, 16])
})

test('reading on from a cursor yields every kept byte once, and counts a gap', () => {
  const store = stored('0123456789abcdef')
  const parts = []
  for (let at = 0; at < store.total; ) {
    const part = nextOutput(store, at, 3)
    parts.push(part.text)
    at = part.end
  }
  assert.equal(parts, ['012', '3', '[… 6 bytes omitted …]\nabc', 'def'])
  assert.equal(nextOutput(store, 16, 3), { text: '', omitted: 0, end: 16 })
})

test('a character is never cut', () => {
  const store = stored('a€b', 100, 100)
  assert.is(nextOutput(store, 0, 3).text, 'a')
  assert.is(nextOutput(store, 1, 3).text, '€')
})

test('memory stays bounded whatever the pieces are', () => {
  const store = new OutputStore(10, 1000)
  for (let count = 0; count < 100; count++) store.append(new Uint8Array(300))
  assert.is(store.total, 30_000)
  assert.ok(store.total - store.tailStart < 1300)
})

test.run()
