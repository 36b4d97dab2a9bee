import * as assert from 'uvu/assert'
import { StrayWatch } from '../../../src/core/process/stray-watch.ts'
import { ManualClock } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

const LIMITS = { strayQuietMs: 100, strayTotalMs: 300 }

function setup() {
  const clock = new ManualClock()
  clock.advance(5000)
  const state = { isOver: false, isPaused: false, abandoned: 0 }
  const watch = new StrayWatch({ abandon: () => state.abandoned++ }, clock, LIMITS, {
    isOver: () => state.isOver,
    isPaused: () => state.isPaused,
  })
  return { clock, state, watch }
}

test('streams are abandoned once they were silent for the quiet time, and checked no more', () => {
  const { clock, state } = setup()
  clock.advance(99)
  assert.is(state.abandoned, 0)
  clock.advance(1)
  assert.equal([state.abandoned, clock.timers], [1, 0])
})

test('output shortly before a check puts the end off to a check that finds silence', () => {
  const { clock, state, watch } = setup()
  clock.advance(1)
  watch.active()
  clock.advance(100)
  assert.is(state.abandoned, 0)
  clock.advance(99)
  assert.is(state.abandoned, 1)
})

test('streams that are never silent are abandoned after the total time of reading', () => {
  const { clock, state, watch } = setup()
  for (let ms = 0; ms < 299; ms++) {
    clock.advance(1)
    watch.active()
  }
  assert.is(state.abandoned, 0)
  clock.advance(1)
  assert.equal([state.abandoned, clock.timers], [1, 0])
})

test('a pause counts neither as silence nor as reading', () => {
  const { clock, state, watch } = setup()
  state.isPaused = true
  clock.advance(10_050)
  state.isPaused = false
  watch.active()
  clock.advance(50)
  assert.is(state.abandoned, 0, 'silent since the resume, but not for long enough')
  for (let ms = 0; ms < 199; ms++) {
    clock.advance(1)
    watch.active()
  }
  assert.is(state.abandoned, 0, 'read for two checks')
  clock.advance(1)
  assert.is(state.abandoned, 1)
})

test('streams that have ended are left alone', () => {
  const { clock, state } = setup()
  state.isOver = true
  clock.advance(1000)
  assert.equal([state.abandoned, clock.timers], [0, 0])
})

test.run()
