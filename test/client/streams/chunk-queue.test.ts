import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ChunkQueue } from '../../../src/client/streams/chunk-queue.ts'
import { test } from '../../support/suite.ts'

test('merged or not, the same bytes come out in order, with the number of the last delta in each chunk', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 12 })), fc.integer({ min: 1, max: 20 }), (deltas, mergedBytes) => {
      const queue = new ChunkQueue(mergedBytes)
      const all: number[] = []
      for (const [index, delta] of deltas.entries()) {
        all.push(...delta)
        const bytes = Uint8Array.from(delta)
        if (!queue.merge(bytes, index + 1)) queue.push(bytes, index + 1)
        assert.is(queue.bytes, all.length)
      }
      const out: number[] = []
      let last = 0
      for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) {
        out.push(...chunk.bytes)
        assert.ok(chunk.seq > last)
        last = chunk.seq
      }
      assert.equal([out, last, queue.bytes, queue.length], [all, deltas.length, 0, 0])
    }),
  )
})

test('small chunks are merged up to the bound, and not beyond', () => {
  const queue = new ChunkQueue(4)
  queue.push(Uint8Array.of(1), 1)
  assert.ok(queue.merge(Uint8Array.of(2, 3), 2))
  assert.not.ok(queue.merge(Uint8Array.of(4, 5), 3))
  assert.ok(queue.merge(new Uint8Array(0), 4))
  assert.equal(queue.shift(), { bytes: Uint8Array.of(1, 2, 3), seq: 4 })
  assert.is(queue.shift(), undefined)
})

test('an empty queue has nothing to merge with', () => {
  const queue = new ChunkQueue(4)
  assert.not.ok(queue.merge(new Uint8Array(0), 1))
  queue.push(Uint8Array.of(1), 1)
  queue.clear()
  assert.not.ok(queue.merge(Uint8Array.of(2), 2))
  assert.is(queue.bytes, 0)
})

test.run()
