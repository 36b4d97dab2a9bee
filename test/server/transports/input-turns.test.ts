import * as assert from 'uvu/assert'
import { inputTurns, inTurns } from '../../../src/server/transports/input-turns.ts'
import { test } from '../../support/suite.ts'

/** Turns with a clock of their own: each frame that is read takes `cost` milliseconds. */
function setup() {
  let time = 0
  let endTurn = (): void => {}
  const turns = inputTurns(
    () => time,
    (call) => (endTurn = call),
  )
  const readAll = (mayRead: () => boolean, cost: number): number => {
    let frames = 0
    for (; frames < 1000 && mayRead(); frames++) time += cost
    return frames
  }
  return { turns, readAll, endTurn: () => endTurn(), pass: (ms: number) => (time += ms) }
}

test('a flood is read for two milliseconds in a turn, and goes on in the next', () => {
  const { turns, readAll, endTurn, pass } = setup()
  const flood = turns()
  for (let turn = 0; turn < 3; turn++) {
    assert.is(readAll(flood, 0.5), 4)
    pass(100)
    endTurn()
  }
})

test('every connection reads at least one frame in a turn, and has a slice of its own beside floods', () => {
  const { turns, readAll, endTurn } = setup()
  const [flood, other, slow] = [turns(), turns(), turns()]
  readAll(flood, 0.5)
  assert.is(readAll(other, 0.25), 4)
  assert.is(readAll(slow, 40), 1)
  // Those who come later in the same turn do so, too, but only once.
  assert.is(readAll(other, 0.25), 0)
  endTurn()
  // The first may have been alone: the end of the turn is awaited from the second on.
  assert.is(readAll(slow, 40), 2)
  assert.is(readAll(flood, 0.5), 2)
})

test('the end of a turn is not awaited for each of the frames that come one at a time', () => {
  for (const [gap, awaited] of [
    [0.05, 60],
    [0.5, 334],
    [10, 500],
  ] as const) {
    let time = 0
    const ends: (() => void)[] = []
    const mayRead = inputTurns(
      () => time,
      (call) => ends.push(call),
    )()
    let count = 0
    for (let frame = 0; frame < 1000; frame++, time += gap) {
      assert.ok(mayRead())
      count += ends.length
      for (const end of ends.splice(0)) end()
    }
    assert.ok(Math.abs(count - awaited) <= 2, `${count} for frames every ${gap} ms`)
  }
})

test('steps are taken as long as there is time, and the rest in further turns', async () => {
  for (const [inTurn, turns] of [
    [100, 1],
    [4, 3],
    [1, 10],
  ] as const) {
    function* steps(): Generator<void, string> {
      for (let step = 1; step < 10; step++) yield
      return 'result'
    }
    let taken = 0
    const ended = await new Promise((resolve) =>
      inTurns(
        steps(),
        () => ++taken % inTurn !== 0,
        (...results) => resolve(results),
      ),
    )
    assert.equal(ended, ['result', turns > 1])
    assert.is(taken, 9)
  }
})

test.run()
