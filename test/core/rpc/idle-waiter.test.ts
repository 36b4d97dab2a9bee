import * as assert from 'uvu/assert'
import { IdleWaiter } from '../../../src/core/rpc/idle-waiter.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

test('all waiters settle once the connection is idle, and at once if it is', async () => {
  let isIdle = false
  const waiter = new IdleWaiter(() => isIdle)
  const done: number[] = []
  void waiter.wait().then(() => done.push(1))
  void waiter.wait().then(() => done.push(2))
  waiter.check()
  await settled()
  assert.equal(done, [])
  isIdle = true
  waiter.check()
  await settled()
  assert.equal(done, [1, 2])
  void waiter.wait().then(() => done.push(3))
  await settled()
  assert.equal(done, [1, 2, 3])
})

test.run()
