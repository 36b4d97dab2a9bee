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
  assert.is(readAll(slow, 40), 1)
  assert.is(readAll(flood, 0.5), 2)
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
