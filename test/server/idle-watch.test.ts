import * as assert from 'uvu/assert'
import { silentObserver } from '../../src/core/base/observer.ts'
import { emptySnapshot } from '../../src/core/base/snapshot.ts'
import { watchIdle } from '../../src/server/idle-watch.ts'
import { ManualClock } from '../support/fakes/manual-clock.ts'
import { test } from '../support/suite.ts'

/** A server of which only the counts matter, idle at first, and how often its watch has found it so. */
function watched(idleMs: number) {
  const clock = new ManualClock()
  const observer = silentObserver()
  const now = emptySnapshot()
  const found = { count: 0 }
  watchIdle({ server: { observer, snapshot: () => now }, clock, idleMs, onIdle: () => found.count++ })
  return { clock, now, found, totals: observer.totals }
}

test('a server that nobody uses is found idle once, when the time is over', () => {
  const { clock, found } = watched(5000)
  clock.advance(4999)
  assert.is(found.count, 0)
  clock.advance(1)
  assert.is(found.count, 1)
  clock.advance(60_000)
  assert.is(found.count, 1)
  assert.is(clock.timers, 0)
})

test('a session, attached or waiting for its client, and an open process keep it busy', () => {
  const { clock, now, found } = watched(5000)
  const busy = (change: () => void): void => {
    change()
    clock.advance(60_000)
    assert.is(found.count, 0)
  }
  busy(() => (now.attachedSessions = 1))
  busy(() => Object.assign(now, { attachedSessions: 0, detachedSessions: 1 }))
  busy(() => {
    now.detachedSessions = 0
    now.processes.exited = 1
  })
  busy(() => {
    now.processes.exited = 0
    now.processes.starting = 1
  })
  now.processes.starting = 0
  now.processes.closed = 3
  clock.advance(6000)
  assert.is(found.count, 1)
})

test('a client that came and went in between begins the time anew', () => {
  const { clock, found, totals } = watched(5000)
  clock.advance(4500)
  totals.connections++
  clock.advance(4500)
  assert.is(found.count, 0)
  clock.advance(5000)
  assert.is(found.count, 1)
})

test.run()
