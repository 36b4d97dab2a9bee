import * as assert from 'uvu/assert'
import { cutLine, cutMiddle } from '../../../src/mcp/text/cut.ts'
import { LineCounter } from '../../../src/mcp/text/line-counter.ts'
import { readLines } from '../../../src/mcp/text/read-lines.ts'
import { completeLength, continuationLength } from '../../../src/mcp/text/utf8.ts'
import { suite } from '../../support/suite.ts'

const test = suite('cut')
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

test('a cut text says how many characters are missing, and splits none', () => {
  assert.is(cutMiddle('short', 5), 'short')
  assert.is(cutMiddle('0123456789', 4), '01\n[… 6 characters omitted …]\n89')
  assert.is(cutLine('abcdef', 2), 'ab [… 4 characters omitted]')
  assert.ok(cutMiddle('😀😀😀😀', 3).isWellFormed())
})

test('bytes are cut between characters', () => {
  const euro = bytes('a€')
  assert.equal(
    [1, 2, 3, 4].map((end) => completeLength(euro.subarray(0, end))),
    [1, 1, 1, 4],
  )
  assert.equal(
    [0, 1, 2, 3].map((start) => continuationLength(euro.subarray(start))),
    [0, 0, 2, 1],
  )
})

test('lines beyond the limit are counted, in whatever pieces they come', () => {
  const counter = new LineCounter({ maxLines: 2, maxLine: 4, maxText: 100 })
  for (const byte of bytes('one\ntoo long\nthree\nfour')) counter.add(Uint8Array.of(byte))
  assert.equal(counter.end(), { lines: ['one', 'too  [… 4 characters omitted]'], omitted: 2 })
})

const range = { first: 1, count: 10, maxLine: 100, maxText: 1000, maxScan: 1000 }
const read = (text: string, part: Partial<typeof range>) => readLines(new Blob([text]).stream(), { ...range, ...part })

test('a range of lines is read, and the answer tells whether the file goes on', async () => {
  assert.equal((await read('a\nb\r\nc', {}))?.lines, ['a', 'b', 'c'])
  const middle = await read('a\nb\nc\n', { first: 2, count: 1 })
  assert.equal(middle?.lines, ['b'])
  assert.is(middle?.stop, 'count')
  assert.is((await read('a\nb\n', { first: 2, count: 1 }))?.stop, undefined)
  assert.is((await read('a\nb\nc\n', { maxText: 1 }))?.stop, 'text')
  assert.is(await read('a\0', {}), undefined)
})

test.run()
