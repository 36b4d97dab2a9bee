import * as assert from 'uvu/assert'
import { KeptBuffers } from '../../../src/core/base/kept-buffers.ts'
import { test } from '../../support/suite.ts'

const sizeOf = (buffer: ArrayBuffer | undefined): number | undefined => buffer?.byteLength

test('the smallest buffer that is large enough is taken, and none that is much larger', () => {
  const kept = new KeptBuffers(10_000)
  for (const size of [400, 100, 200]) kept.keep(new ArrayBuffer(size))
  assert.is(sizeOf(kept.take(150)), 200)
  assert.is(sizeOf(kept.take(150)), undefined)
  assert.is(sizeOf(kept.take(200)), 400)
  assert.is(sizeOf(kept.take(101)), undefined)
  assert.is(sizeOf(kept.take(100)), 100)
  assert.is(sizeOf(kept.take(1)), undefined)
})

test('views of what is kept, or has no room, lose their bytes', () => {
  const kept = new KeptBuffers(1000)
  const [first, second] = [new Uint8Array(600), new Uint8Array(600)]
  kept.keep(first.buffer)
  kept.keep(second.buffer)
  assert.equal([first.length, second.length], [0, 0])
  assert.is(sizeOf(kept.take(600)), 600)
  assert.is(sizeOf(kept.take(600)), undefined)
  // What is in use does not count.
  kept.keep(new ArrayBuffer(1000))
  assert.is(sizeOf(kept.take(1000)), 1000)
})

test('the largest are freed first, one by one', () => {
  const kept = new KeptBuffers(1000)
  for (const size of [300, 500, 200]) kept.keep(new ArrayBuffer(size))
  assert.ok(kept.freeOne())
  assert.is(sizeOf(kept.take(500)), undefined)
  assert.is(sizeOf(kept.take(300)), 300)
  assert.not(kept.freeOne())
  assert.not(kept.freeOne())
  kept.keep(new ArrayBuffer(1000))
  assert.is(sizeOf(kept.take(1000)), 1000)
})

test.run()
