/** Starts in turns of the event loop. */
import { setImmediate } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { inStartTurn } from '../../../src/host/process/start-turns.ts'
import { test } from '../../support/suite.ts'

/** Keeps the event loop busy. */
function busy(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** Counts turns of the event loop until the function is called. */
function countTurns(): () => number {
  let [turns, isOver] = [0, false]
  void (async () => {
    for (; !isOver; turns++) await setImmediate()
  })()
  return () => {
    isOver = true
    return turns
  }
}

test('many starts at once are spread over turns, in order', async () => {
  const turns = countTurns()
  const order: number[] = []
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      inStartTurn(() => {
        busy(1.5)
        order.push(index)
      }),
    ),
  )
  // Two of them fill a turn.
  assert.ok(turns() >= 8)
  assert.equal(
    order,
    Array.from({ length: 20 }, (_, index) => index),
  )
})

test('a start that fails lets the others have their turns', async () => {
  const results = await Promise.allSettled(
    Array.from({ length: 5 }, (_, index) =>
      inStartTurn(() => {
        busy(3)
        if (index % 2 === 0) throw new Error('no')
        return index
      }),
    ),
  )
  assert.equal(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled', 'rejected'],
  )
})

test('a start by itself waits for nothing', async () => {
  await setImmediate()
  await setImmediate()
  let isStarted = false
  void inStartTurn(() => (isStarted = true))
  assert.ok(isStarted)
})

test.run()
