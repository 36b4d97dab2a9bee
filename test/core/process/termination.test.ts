import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import { Termination } from '../../../src/core/process/termination.ts'
import { FakeChild } from '../../support/fakes/fake-host.ts'
import { ManualClock } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

const { strayQuietMs } = defaultLimits
const NO_EVENTS = { output: () => {}, exited: () => {}, ended: () => {}, stdinMoved: () => {} }

function setup() {
  const clock = new ManualClock()
  const child = new FakeChild({ argv: ['p'], cwd: '/', env: new Map(), stdin: 'closed' }, NO_EVENTS)
  const streams = { over: false }
  const termination = new Termination(child, clock, defaultLimits, {
    isOver: () => streams.over,
    isPaused: () => false,
  })
  /** What the child was sent, and the timers that are pending. */
  const sent = () => ({ terminations: child.terminations, kills: child.kills, timers: clock.timers })
  return { clock, child, streams, termination, sent }
}

test('without a grace the child is killed at once, as often as it is asked for', () => {
  const { termination, sent } = setup()
  assert.not(termination.isKilled)
  termination.request(0)
  assert.ok(termination.isKilled)
  termination.request(0)
  assert.equal(sent(), { terminations: 0, kills: 2, timers: 0 })
})

test('with a grace the child is asked once and killed when it is over, counted from the last request', () => {
  const { clock, termination, sent } = setup()
  termination.request(1000)
  clock.advance(900)
  termination.request(500)
  clock.advance(499)
  assert.equal(sent(), { terminations: 1, kills: 0, timers: 1 })
  assert.not(termination.isKilled)
  clock.advance(1)
  assert.equal(sent(), { terminations: 1, kills: 1, timers: 0 })
  assert.ok(termination.isKilled)
})

test('a kill ends the grace, and a killed child is given none', () => {
  const { clock, termination, sent } = setup()
  termination.request(1000)
  termination.request(0)
  termination.request(1000)
  clock.advance(5000)
  assert.equal(sent(), { terminations: 1, kills: 1, timers: 0 })
})

test('cancelling tells whether a kill was due', () => {
  const { clock, termination, sent } = setup()
  assert.not(termination.cancel())
  termination.request(1000)
  assert.ok(termination.cancel())
  assert.not(termination.cancel())
  clock.advance(5000)
  assert.equal(sent(), { terminations: 1, kills: 0, timers: 0 })
  termination.request(1)
  clock.advance(1)
  assert.not(termination.cancel(), 'it has been sent')
})

test('strays are looked after once the child was killed and has exited, in either order', () => {
  for (const order of [
    ['kill', 'exit'],
    ['exit', 'kill'],
  ]) {
    const { clock, child, termination } = setup()
    for (const event of order) {
      clock.advance(10 * strayQuietMs)
      assert.equal([child.abandoned, clock.timers], [false, 0], String(order))
      if (event === 'kill') termination.request(0)
      else termination.exited()
    }
    clock.advance(strayQuietMs - 1)
    assert.not(child.abandoned)
    clock.advance(1)
    assert.ok(child.abandoned)
  }
})

test('a kill at the end of a grace looks after strays, too', () => {
  const { clock, child, termination } = setup()
  termination.request(1000)
  termination.exited()
  clock.advance(1000 + strayQuietMs - 1)
  assert.equal([child.kills, child.abandoned], [1, false])
  clock.advance(1)
  assert.ok(child.abandoned)
})

test('streams that have ended are not watched', () => {
  const { clock, child, streams, termination } = setup()
  streams.over = true
  termination.exited()
  termination.request(0)
  assert.is(clock.timers, 0)
  clock.advance(1000)
  assert.not(child.abandoned)
})

test('output keeps strays from being abandoned', () => {
  const { clock, child, termination } = setup()
  termination.exited()
  termination.request(0)
  clock.advance(1)
  termination.active()
  clock.advance(strayQuietMs)
  assert.not(child.abandoned)
  clock.advance(strayQuietMs)
  assert.ok(child.abandoned)
})

test.run()
