import * as assert from 'uvu/assert'
import { mergeRead } from '../../../src/client/process/merge-read.ts'
import type { KnownEvents } from '../../../src/client/process/merge-read.ts'
import type { ReadResult } from '../../../src/client/base/types.ts'
import { test } from '../../support/suite.ts'

const bytes = Uint8Array.of(120)

/** A read with output of these numbers. */
const read = (chunks: number[], nextSeq: number, rest: Partial<ReadResult> = {}): ReadResult => ({
  chunks: chunks.map((seq) => ({ seq, stream: 'stdout', bytes })),
  nextSeq,
  exited: false,
  exitCode: null,
  closed: false,
  sandboxDenied: false,
  ...rest,
})

const known = (last: number, early: number[] = [], hasExited = false): KnownEvents => ({
  last,
  has: (seq) => seq <= last || early.includes(seq),
  hasExited,
})

/** The events as text: their number and the first letter of their type. */
const merge = (result: ReadResult, so: KnownEvents): [string, ReturnType<typeof mergeRead>['lost']] => {
  const { events, lost } = mergeRead(result, so)
  return [events.map(({ seq, type }) => `${seq}${type[0]}`).join(' '), lost]
}

test('the close has the last number of a read, the exit the only one that is missing', () => {
  const exit = { exited: true, exitCode: 3 }
  assert.equal(merge(read([1, 2, 4], 6, { ...exit, closed: true }), known(0)), ['1o 2o 3e 4o 5c', undefined])
  assert.equal(merge(read([1, 2], 4, exit), known(0)), ['1o 2o 3e', undefined])
  assert.equal(mergeRead(read([], 2, exit), known(0)).events, [
    { type: 'exited', seq: 1, exitCode: 3, sandboxDenied: false },
  ])
})

test('an exit that is known already is not repeated', () => {
  assert.equal(merge(read([4], 5, { exited: true }), known(3, [], true)), ['4o', undefined])
  assert.equal(merge(read([2], 4, { exited: true }), known(1, [3], true)), ['2o', undefined])
})

test('evicted events are reported as lost, and the highest missing number is the exit', () => {
  assert.equal(merge(read([5, 6], 7), known(2)), ['5o 6o', { first: 3, last: 4 }])
  assert.equal(merge(read([5, 7], 9, { exited: true, closed: true }), known(2)), ['5o 6e 7o 8c', { first: 3, last: 4 }])
})

test('chunks after the reported end are left to the next read', () => {
  assert.equal(merge(read([1, 2, 3], 3), known(0)), ['1o 2o', undefined])
})

test.run()
