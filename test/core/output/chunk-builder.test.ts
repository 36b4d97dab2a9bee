import fc from 'fast-check'
import { Buffer } from 'node:buffer'
import * as assert from 'uvu/assert'
import { ChunkBuilder } from '../../../src/core/output/chunk-builder.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

test('pieces are joined in order, and after that the builder is empty', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { minLength: 1 }), (pieces) => {
      const builder = new ChunkBuilder()
      for (const piece of pieces) builder.add('stderr', piece)
      const expected = Buffer.concat(pieces)
      assert.equal([builder.length, builder.stream], [expected.length, 'stderr'])
      assert.ok(expected.equals(builder.take()))
      assert.is(builder.length, 0)
      builder.add('stdout', new Uint8Array([7]))
      assert.is(builder.stream, 'stdout')
      assert.equal(builder.take(), new Uint8Array([7]))
    }),
  )
})

test('a piece that fills half of its buffer is kept without a copy, a smaller one is copied', () => {
  const buffer = new Uint8Array(100)
  for (const [length, isShared] of [
    [50, true],
    [49, false],
  ] as const) {
    const builder = new ChunkBuilder()
    builder.add('stdout', buffer.subarray(0, length))
    const taken = builder.take()
    assert.is(taken.length, length)
    assert.is(taken.buffer === buffer.buffer, isShared)
  }
})

test('what is cleared is not taken', () => {
  const builder = new ChunkBuilder()
  builder.add('stdout', new Uint8Array(5))
  builder.clear()
  assert.is(builder.length, 0)
  builder.add('stdout', new Uint8Array([1]))
  assert.equal(builder.take(), new Uint8Array([1]))
})

test.run()
