import * as assert from 'uvu/assert'
import type { Chunk } from '../../../src/core/base/chunk.ts'
import { endsWithin, streamEnds } from '../../../src/core/output/stream-ends.ts'
import { test } from '../../support/suite.ts'

const chunk = (text: string): Chunk => ({ seq: 1, stream: 'stdout', bytes: new TextEncoder().encode(text) })
const texts = ({ head, tail }: { head: Uint8Array; tail: Uint8Array }): string[] =>
  [head, tail].map((bytes) => new TextDecoder().decode(bytes))

test('a stream of which nothing is missing is one piece', () => {
  const ends = streamEnds([chunk('ab')], [chunk('cd'), chunk('ef')], 6)
  assert.equal(texts(ends), ['abcdef', ''])
  assert.equal([ends.totalBytes, ends.droppedBytes], [6, 0])
  assert.equal(texts(streamEnds([], [], 0)), ['', ''])
})

test('what is missing is between the two, and counted', () => {
  const ends = streamEnds([chunk('ab')], [chunk('ef')], 100)
  assert.equal(texts(ends), ['ab', 'ef'])
  assert.equal([ends.totalBytes, ends.droppedBytes], [100, 96])
})

test('ends that are cut have a quarter of the room for the beginning', () => {
  const whole = streamEnds([chunk('0123456789')], [], 10)
  assert.equal(texts(endsWithin(whole, 8)), ['01', '456789'])
  assert.is(endsWithin(whole, 8).droppedBytes, 2)
  assert.is(endsWithin(whole, 10), whole)
  assert.equal(texts(endsWithin(whole, 0)), ['', ''])
  assert.is(endsWithin(whole, 0).droppedBytes, 10)
  const ends = streamEnds([chunk('abcd')], [chunk('wxyz')], 100)
  assert.equal(texts(endsWithin(ends, 4)), ['a', 'xyz'])
  assert.is(endsWithin(ends, 4).droppedBytes, 96)
})

test.run()
