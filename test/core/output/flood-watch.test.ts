import * as assert from 'uvu/assert'
import { FloodWatch } from '../../../src/core/output/flood-watch.ts'
import { ManualClock } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

test('output at the rate that can be taken is slow, and above it a flood', () => {
  for (const [bytes, isSlow] of [
    [0, true],
    [50, true],
    [51, false],
  ] as const) {
    const clock = new ManualClock()
    const watch = new FloodWatch(clock, 5)
    let calls = 0
    // Does not count: nothing waits yet.
    watch.added(1000)
    watch.wait({ afterMs: 10, retryMs: () => 100, call: () => calls++ })
    watch.added(bytes)
    clock.advance(9)
    assert.is(calls, 0)
    clock.advance(1)
    assert.equal([calls === 1, watch.isWaiting], [isSlow, !isSlow])
    clock.advance(100)
    assert.equal([calls, clock.timers], [1, 0])
  }
})

test('a new wait replaces the one before, and a cancelled one never calls', () => {
  const clock = new ManualClock()
  const watch = new FloodWatch(clock, 5)
  const calls: string[] = []
  watch.wait({ afterMs: 10, retryMs: () => 10, call: () => calls.push('first') })
  watch.wait({ afterMs: 20, retryMs: () => 10, call: () => calls.push('second') })
  clock.advance(20)
  assert.equal(calls, ['second'])
  watch.wait({ afterMs: 10, retryMs: () => 10, call: () => calls.push('third') })
  watch.cancel()
  clock.advance(20)
  assert.equal(calls, ['second'])
})

test.run()
