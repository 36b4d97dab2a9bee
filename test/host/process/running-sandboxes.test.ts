import { setImmediate as turn } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import {
  areSandboxesRunning,
  countSandbox,
  registerUndisturbed,
  undisturbedOver,
} from '../../../src/host/process/running-sandboxes.ts'
import { test } from '../../support/suite.ts'

/** Whether a promise is settled by the next turn of the event loop. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false
  void promise.then(() => (settled = true))
  await turn()
  return settled
}

test('sandboxes run as long as one of them is counted, however often each end is reported', () => {
  assert.not(areSandboxesRunning())
  const [first, second] = [countSandbox(), countSandbox()]
  first()
  first()
  assert.ok(areSandboxesRunning())
  second()
  assert.not(areSandboxesRunning())
  first()
  const third = countSandbox()
  assert.ok(areSandboxesRunning())
  third()
  assert.not(areSandboxesRunning())
})

test('a command waits for every set-up that began before it, and for none that began later', async () => {
  assert.ok(await isSettled(undisturbedOver()))
  const [first, second] = [registerUndisturbed(), registerUndisturbed()]
  const over = undisturbedOver()
  const later = registerUndisturbed()
  first.done()
  assert.not(await isSettled(over))
  second.done()
  assert.ok(await isSettled(over))
  const next = undisturbedOver()
  assert.not(await isSettled(next))
  later.done()
  assert.ok(await isSettled(next))
})

test.run()
