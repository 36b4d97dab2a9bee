import fc from 'fast-check'
import * as assert from 'uvu/assert'
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

test.run()
