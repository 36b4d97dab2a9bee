import fc from 'fast-check'
import { Buffer } from 'node:buffer'
import * as assert from 'uvu/assert'
import { release, reuse } from '../../../src/core/base/bytes.ts'
import { ChunkBuilder } from '../../../src/core/output/chunk-builder.ts'
import { test } from '../../support/suite.ts'

const KiB = 1024

fc.configureGlobal({ includeErrorInReport: true })

test('pieces are joined in order, and after that the builder is empty', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 50 }), (pieces) => {
      const builder = new ChunkBuilder(1000)
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

test('pieces are copied, also a single small one and views of a Buffer', () => {
  const builder = new ChunkBuilder(100)
  const piece = Buffer.alloc(30)
  builder.add('stdout', piece.fill(5))
  piece.fill(6)
  assert.equal(builder.take(), new Uint8Array(30).fill(5))
  for (const value of [1, 2, 3]) builder.add('stdout', piece.fill(value))
  piece.fill(4)
  assert.equal(builder.take(), new Uint8Array([1, 2, 3].flatMap((value) => Array(30).fill(value))))
})

test('a chunk holds no more than twice its memory, and large ones get what was released', () => {
  const builder = new ChunkBuilder(64 * KiB)
  const chunk = (...lengths: number[]): Uint8Array => {
    for (const length of lengths) builder.add('stdout', new Uint8Array(length).fill(7))
    return builder.take()
  }
  for (const lengths of [[1], [100, 100], [31 * KiB], [16 * KiB, 15 * KiB]]) {
    const { byteLength, buffer } = chunk(...lengths)
    assert.is(buffer.byteLength, byteLength)
  }
  for (const lengths of [[32 * KiB], [64 * KiB], [1, 63 * KiB]]) {
    const large = chunk(...lengths)
    assert.equal(large, new Uint8Array(large.length).fill(7))
    assert.is(large.buffer.byteLength, 64 * KiB)
    release(large)
    assert.is(large.length, 0)
    const next = chunk(40 * KiB)
    assert.equal(next, new Uint8Array(40 * KiB).fill(7))
    assert.not(isKept(), 'it is in use')
    release(next)
    assert.ok(isKept())
  }
})

/** Whether there is released memory for a chunk. It is gone then. */
function isKept(): boolean {
  let isNew = false
  reuse(64 * KiB, (bytes) => {
    isNew = true
    return new ArrayBuffer(bytes)
  })
  return !isNew
}

test('what is cleared is not taken', () => {
  const builder = new ChunkBuilder(100)
  builder.add('stdout', new Uint8Array(5))
  builder.clear()
  assert.is(builder.length, 0)
  builder.add('stdout', new Uint8Array([1]))
  assert.equal(builder.take(), new Uint8Array([1]))
})

test.run()
