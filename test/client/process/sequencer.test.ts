import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { EventLog } from '../../../src/client/process/event-log.ts'
import { ProtocolError } from '../../../src/client/base/errors.ts'
import { Sequencer } from '../../../src/client/process/sequencer.ts'
import type { SequencedEvent } from '../../../src/client/process/sequencer.ts'
import { test } from '../../support/suite.ts'

const output = (seq: number, size = 1): SequencedEvent => ({
  type: 'output',
  seq,
  stream: 'stdout',
  bytes: new Uint8Array(size),
})

test('events in any order, repeated at will, are published once and in the order of their numbers', () => {
  const arrivals = fc.integer({ min: 1, max: 60 }).chain((count) => {
    const all = Array.from({ length: count }, (_, index) => index + 1)
    return fc.tuple(fc.shuffledSubarray(all, { minLength: count }), fc.array(fc.integer({ min: 1, max: count })))
  })
  fc.assert(
    fc.property(arrivals, ([shuffled, repeated]) => {
      const published: number[] = []
      const sequencer = new Sequencer(100, ({ seq }) => published.push(seq))
      for (const seq of [...repeated, ...shuffled, ...repeated]) sequencer.accept(output(seq))
      assert.equal(
        published,
        [...shuffled].sort((one, other) => one - other),
      )
      assert.not.ok(sequencer.hasGap)
    }),
  )
})

test('an event that never comes is no reason to keep all that follow it', () => {
  const sequencer = new Sequencer(4, () => {})
  for (const seq of [2, 3, 4, 5]) sequencer.accept(output(seq))
  assert.throws(
    () => sequencer.accept(output(6)),
    (error: unknown) => error instanceof ProtocolError,
  )
})

test('what was given up is skipped, and what had come of it is published', () => {
  const published: number[] = []
  const sequencer = new Sequencer(10, ({ seq }) => published.push(seq))
  for (const seq of [1, 3, 6, 7]) sequencer.accept(output(seq))
  sequencer.skipTo(5)
  assert.equal(published, [1, 3, 6, 7])
  sequencer.accept(output(4))
  sequencer.accept(output(8))
  assert.equal(published, [1, 3, 6, 7, 8])
})

const bounds = { replay: { events: 4, bytes: 100 }, unread: { events: 8, bytes: 200 } }

test('the latest events are kept, within their number and their bytes', () => {
  const log = new EventLog(bounds)
  for (let seq = 1; seq <= 10; seq++) log.append(output(seq))
  assert.equal([log.after(0)?.seq, log.after(7)?.seq, log.after(10)?.seq], [7, 8, undefined])
  log.append(output(11, 60))
  log.append(output(12, 60))
  assert.is(log.after(0)?.seq, 12)
  // One alone may be larger.
  log.append(output(13, 1000))
  assert.is(log.after(0)?.seq, 13)
})

test('what a reader has yet to take is kept longer, and not without end', () => {
  const log = new EventLog(bounds)
  const reader = { afterSeq: 0, wake: () => {} }
  const leave = log.join(reader)
  for (let seq = 1; seq <= 8; seq++) log.append(output(seq))
  assert.is(log.after(0)?.seq, 1)
  log.append(output(9))
  assert.is(log.after(0)?.seq, 2)
  reader.afterSeq = 9
  log.trim()
  assert.is(log.after(0)?.seq, 6)
  leave()
})

test('what is taken is what the slowest reader has taken, and all of it with nobody to read', () => {
  const log = new EventLog(bounds)
  for (let seq = 1; seq <= 3; seq++) log.append(output(seq, 10))
  assert.equal(log.consumed, { seq: 3, bytes: 30 })
  const [slow, fast] = [
    { afterSeq: 1, wake: () => {} },
    { afterSeq: 2, wake: () => {} },
  ]
  const leave = log.join(slow)
  log.join(fast)
  assert.equal(log.consumed, { seq: 1, bytes: 10 })
  leave()
  assert.equal(log.consumed, { seq: 2, bytes: 20 })
})

test('any event that is kept is found by the number before it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 50 })), { maxLength: 60 }),
      (steps) => {
        const log = new EventLog(bounds)
        const kept: number[] = []
        let seq = 0
        for (const [step, size] of steps) {
          seq += step
          log.append(output(seq, size))
          kept.push(seq)
        }
        const first = log.after(0)?.seq ?? Infinity
        for (let at = 0; at <= seq + 1; at++)
          assert.is(
            log.after(at)?.seq,
            kept.find((each) => each > at && each >= first),
          )
      },
    ),
  )
})

test.run()
