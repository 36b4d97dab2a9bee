import * as assert from 'uvu/assert'
import { readLines } from '../../../src/mcp/text/read-lines.ts'
import type { LineRange, Lines } from '../../../src/mcp/text/read-lines.ts'
import { suite } from '../../support/suite.ts'

const test = suite('read lines')
const RANGE: LineRange = { first: 1, count: 10, maxLine: 20, maxText: 100, maxScan: 1000 }

/** Reads the text in pieces of one byte. */
async function read(text: string, range: Partial<LineRange> = {}): Promise<Lines | undefined> {
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const byte of new TextEncoder().encode(text)) controller.enqueue(Uint8Array.of(byte))
      controller.close()
    },
  })
  return readLines(stream, { ...RANGE, ...range })
}

test('lines come without their ends, and the answer says if the last one has none', async () => {
  assert.equal(await read('a\r\né\n'), { lines: ['a', 'é'], isOpen: false, seen: 2, stop: undefined })
  assert.equal(await read('a\nb'), { lines: ['a', 'b'], isOpen: true, seen: 2, stop: undefined })
  assert.equal(await read(''), { lines: [], isOpen: false, seen: 0, stop: undefined })
})

test('the answer says what is left out: by the number of lines, the length of the text, or where reading ends', async () => {
  const text = 'a\nb\nc\nd'
  assert.equal(await read(text, { first: 2, count: 2 }), { lines: ['b', 'c'], isOpen: false, seen: 4, stop: 'count' })
  assert.is((await read(text, { maxText: 2 }))?.stop, 'text')
  assert.equal((await read(text, { first: 3, maxScan: 3 }))?.lines, [])
})

test('a long line is cut with a count, and a NUL byte means that it is no text', async () => {
  assert.equal((await read('x'.repeat(50)))?.lines, [`${'x'.repeat(20)} [… 30 characters omitted]`])
  assert.is(await read('a\0b'), undefined)
})

test.run()
