import * as assert from 'uvu/assert'
import { BufferPool } from '../../../src/server/transports/buffer-pool.ts'
import { test } from '../../support/suite.ts'

const BYTES = 64 * 1024

test('a buffer that was given back is handed out next, and no more are kept than was said', () => {
  const pool = new BufferPool(BYTES, 1)
  const [first, second] = [pool.take(), pool.take()]
  assert.is.not(first, second)
  pool.giveBack(first)
  pool.giveBack(second)
  assert.is(pool.take(), first)
  assert.is.not(pool.take(), second)
})

test('a pool that is cleared frees what is not in use, and goes on', () => {
  const pool = new BufferPool(BYTES, 4)
  const [free, used] = [pool.take(), pool.take()]
  pool.giveBack(free)
  pool.clear()
  assert.equal([free.length, used.length], [0, BYTES])
  pool.giveBack(used)
  assert.is(pool.take(), used)
  assert.is(pool.take().length, BYTES)
})

test.run()
