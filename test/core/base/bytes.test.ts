import * as assert from 'uvu/assert'
import { freeKept, onKept, release, reuse } from '../../../src/core/base/bytes.ts'
import { test } from '../../support/suite.ts'

const LARGE = 1024 * 1024
const make = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes)

test('released memory is used again, and a view that is still held is empty', () => {
  let calls = 0
  onKept(() => calls++)
  const first = new Uint8Array(reuse(LARGE, make), 0, LARGE).fill(7)
  release(first.subarray(10, 20))
  assert.is(first.length, 0)
  assert.is(calls, 1)
  // Not twice, or two would use it at a time.
  release(first)
  const second = new Uint8Array(reuse(LARGE - 1000, make))
  assert.is(second.length, LARGE)
  assert.is(second[0], 7)
  assert.is(new Uint8Array(reuse(LARGE, make))[0], 0)
  release(second)
  while (freeKept()) {}
  assert.is(new Uint8Array(reuse(LARGE, make))[0], 0)
})

test('other memory is freed if it is large, and only as a whole', () => {
  const large = new Uint8Array(LARGE)
  release(large.subarray(1))
  assert.is(large.length, LARGE)
  release(large)
  assert.is(large.length, 0)
  const small = new Uint8Array(1000)
  release(small)
  assert.is(small.length, 1000)
})

test.run()
