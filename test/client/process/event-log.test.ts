import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { EventLog } from '../../../src/client/process/event-log.ts'
import type { SequencedEvent } from '../../../src/client/process/sequencer.ts'
import { test } from '../../support/suite.ts'

const output = (seq: number, size = 1): SequencedEvent => ({
  type: 'output',
  seq,
  stream: 'stdout',
  bytes: new Uint8Array(size),
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

test('consumed is what the slowest reader has read, and everything without readers', () => {
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
