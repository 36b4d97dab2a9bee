import * as assert from 'uvu/assert'
import { WriteWindow } from '../../../src/client/net/write-window.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

/** Reserves one after the other. */
async function inTurn(window: WriteWindow, sizes: readonly number[], onGranted: () => void): Promise<void> {
  for (const size of sizes) {
    await window.reserve(size)
    onGranted()
  }
}

test('a write waits until what is under way leaves room for all of it', async () => {
  const window = new WriteWindow({ window: 100, maxWrites: 10 })
  let granted = 0
  void inTurn(window, [60, 40, 100, 1], () => granted++)
  await settled()
  assert.is(granted, 2)
  window.taken(1)
  await settled()
  assert.is(granted, 2)
  window.taken(2)
  await settled()
  assert.is(granted, 3)
  window.taken(2)
  await settled()
  assert.is(granted, 3, 'an older number is no news')
  window.taken(3)
  await settled()
  assert.is(granted, 4)
})

test('small writes are bounded by their number', async () => {
  const window = new WriteWindow({ window: 100, maxWrites: 3 })
  let granted = 0
  void inTurn(window, [1, 1, 1, 1], () => granted++)
  await settled()
  assert.is(granted, 3)
  window.taken(1)
  await settled()
  assert.is(granted, 4)
})

test('a failure ends the wait, and later writes', async () => {
  const window = new WriteWindow({ window: 10, maxWrites: 3 })
  await window.reserve(10)
  const waiting = window.reserve(1)
  window.fail(new Error('broken'))
  for (const each of [waiting, window.reserve(1)])
    await each.then(
      () => assert.unreachable(),
      (error) => assert.is(error.message, 'broken'),
    )
})

test.run()
