import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import { silentObserver } from '../../../src/core/base/observer.ts'
import { StdinBudget } from '../../../src/core/process/stdin-budget.ts'
import { StdinQueue } from '../../../src/core/process/stdin-queue.ts'
import { ErrorCode, overloaded, RpcError } from '../../../src/protocol/wire/errors.ts'
import type { WriteStatus } from '../../../src/protocol/schemas/process.ts'
import { FakeChild } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const limits = { ...defaultLimits, stdinQueue: 10, stdinTotal: 40, heldWriteOverhead: 0, writeIds: 4 }

function queueOf(changes: Partial<typeof limits> = {}, budget?: StdinBudget): { child: FakeChild; queue: StdinQueue } {
  const own = { ...limits, ...changes }
  const events = { output() {}, exited() {}, ended() {}, stdinMoved: () => queue.moved() }
  const child = new FakeChild({ argv: ['cat'], cwd: '/', env: new Map(), stdin: 'pipe' }, events)
  const queue: StdinQueue = new StdinQueue(
    child,
    own,
    silentObserver().totals,
    budget ?? new StdinBudget(own.stdinTotal),
  )
  return { child, queue }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What a write has been answered with; undefined while it is held back. */
function follow(answer: WriteStatus | Promise<WriteStatus>): { status: WriteStatus | undefined } {
  const answered: { status: WriteStatus | undefined } = { status: undefined }
  if (answer instanceof Promise) void answer.then((status) => (answered.status = status))
  else answered.status = answer
  return answered
}

type Step = { write: number; id: number | undefined } | { reads: number } | 'close'

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ write: fc.oneof(fc.nat(6), fc.nat(20)), id: fc.option(fc.nat(7), { nil: undefined }) }),
  },
  { weight: 6, arbitrary: fc.record({ reads: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.constant<Step>('close') },
)

test('input reaches the child once, in the order written, within bounds, and every write is answered', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const { child, queue } = queueOf()
      const accepted: string[] = []
      const answers: { status: WriteStatus | undefined; text: string }[] = []
      /** Ids that are remembered, oldest first, as a plain list. */
      let remembered: { id: number; answer: { status: WriteStatus | undefined } }[] = []
      let open = true
      let count = 0
      for (const step of steps) {
        if (step === 'close') {
          open = false
          child.closeStdin()
        } else if ('reads' in step) {
          child.reads(step.reads)
        } else {
          const text = String.fromCharCode(0x41 + (count++ % 26)).repeat(step.write)
          const repeated = remembered.find(({ id }) => id === step.id)
          const held = answers
            .filter(({ status }) => status === undefined)
            .reduce((sum, { text }) => sum + text.length, 0)
          const waiting = child.stdinQueued() + held
          let answer: { status: WriteStatus | undefined }
          try {
            answer = follow(queue.write(bytes(text), step.id === undefined ? null : `w${step.id}`))
          } catch (error) {
            assert.is((error as RpcError).code, ErrorCode.Overloaded)
            assert.ok(
              open && repeated === undefined && waiting + step.write > limits.stdinTotal,
              'refused without need',
            )
            continue
          }
          await settled()
          if (repeated !== undefined) {
            assert.is(answer.status, repeated.answer.status)
            continue
          }
          assert.is(answer.status === 'stdinClosed', !open)
          if (!open) continue
          accepted.push(text)
          answers.push(Object.assign(answer, { text }))
          if (step.id !== undefined) remembered = [...remembered, { id: step.id, answer }].slice(-limits.writeIds)
        }
        await settled()
        const held = answers.filter(({ status }) => status === undefined)
        const queued = child.stdinQueued()
        const heldBytes = held.reduce((sum, { text }) => sum + text.length, 0)
        // One write above the bound goes to a child that has nothing queued.
        assert.ok(queued <= limits.stdinQueue || queued <= (child.written.at(-1) as Uint8Array).length)
        assert.ok(heldBytes === 0 || heldBytes + queued <= limits.stdinTotal)
        assert.ok(accepted.join('').startsWith(child.input))
        const taken = answers
          .filter(({ status }) => status === 'accepted')
          .map(({ text }) => text)
          .join('')
        assert.is(child.input, taken)
        // Whatever is held does not fit.
        const [next] = held
        assert.ok(
          next === undefined || (open && queued > 0 && queued + next.text.length > limits.stdinQueue),
          'held without need',
        )
      }
      if (open) for (let round = 0; round < 70; round++) child.reads()
      else queue.moved()
      await settled()
      assert.not(
        answers.some(({ status }) => status === undefined),
        'not every write was answered',
      )
      if (!open) return
      assert.ok(answers.every(({ status }) => status === 'accepted'))
      assert.is(child.input, accepted.join(''))
    }),
    { numRuns: 150 },
  )
})

test('a write of any size fits an empty queue', () => {
  const { child, queue } = queueOf()
  assert.is(queue.write(new Uint8Array(39), null), 'accepted')
  child.reads()
  assert.is(queue.write(new Uint8Array(1000), null), 'accepted')
})

test('a repeated write id is accepted and writes nothing', () => {
  const { child, queue } = queueOf()
  assert.is(queue.write(bytes('a'), 'w'), 'accepted')
  assert.is(queue.write(bytes('a'), 'w'), 'accepted')
  assert.is(queue.write(bytes('b'), 'w'), 'accepted')
  assert.is(child.input, 'a')
})

test('writes without an id, or with an empty one, are never taken for repeats', () => {
  const { child, queue } = queueOf()
  for (const id of [undefined, null, '', undefined, '']) queue.write(bytes('a'), id)
  assert.is(child.input, 'aaaaa')
})

test('the last 4096 ids are remembered, and one that was repeated is not thereby younger', () => {
  const { child, queue } = queueOf({
    writeIds: defaultLimits.writeIds,
    stdinQueue: 1e6,
    stdinTotal: 1e6,
    stdinWrites: 1e6,
  })
  for (let id = 0; id < 4096; id++) queue.write(bytes('.'), `w${id}`)
  queue.write(bytes('x'), 'w0')
  queue.write(bytes('x'), 'w4095')
  assert.is(child.written.length, 4096)
  queue.write(bytes('.'), 'w4096')
  queue.write(bytes('x'), 'w1')
  assert.is(child.written.length, 4097)
  queue.write(bytes('0'), 'w0')
  assert.is(child.written.length, 4098)
})

test('a repeat of a write that is held back is answered with it and queued once', async () => {
  const { child, queue } = queueOf()
  queue.write(bytes('0123456789'), null)
  const first = follow(queue.write(bytes('abc'), 'w'))
  const repeat = follow(queue.write(bytes('abc'), 'w'))
  await settled()
  assert.equal([first.status, repeat.status], [undefined, undefined])
  child.reads(5)
  await settled()
  assert.equal([first.status, repeat.status], ['accepted', 'accepted'])
  assert.is(child.input, '0123456789abc')
  assert.is(queue.write(bytes('abc'), 'w'), 'accepted')
})

test('a write id that was forgotten and is used again is answered for its own write', async () => {
  const { child, queue } = queueOf()
  queue.write(bytes('0123456789'), null)
  void queue.write(bytes('old'), 'w')
  for (let id = 0; id < limits.writeIds; id++) void queue.write(bytes(''), `other${id}`)
  const held = [follow(queue.write(bytes('new'), 'w')), follow(queue.write(bytes('new'), 'w'))]
  child.reads(3)
  await settled()
  assert.is(child.input, '0123456789old')
  held.push(follow(queue.write(bytes('new'), 'w')))
  await settled()
  assert.equal(
    held.map(({ status }) => status),
    [undefined, undefined, undefined],
  )
  child.reads()
  await settled()
  assert.equal(
    held.map(({ status }) => status),
    ['accepted', 'accepted', 'accepted'],
  )
  assert.is(child.input, '0123456789oldnew')
})

test('a small write does not overtake a large one that is held back', async () => {
  const { child, queue } = queueOf()
  queue.write(bytes('1234567'), null)
  void queue.write(bytes('large'), null)
  const small = follow(queue.write(bytes('s'), null))
  await settled()
  assert.is(small.status, undefined)
  child.reads()
  await settled()
  assert.is(child.input, '1234567larges')
})

test('beyond the bound on what waits a write is refused, and its id may be used again', () => {
  const { child, queue } = queueOf()
  queue.write(new Uint8Array(10), null)
  void queue.write(new Uint8Array(30), null)
  assert.throws(
    () => queue.write(bytes('x'), 'w'),
    (error: RpcError) =>
      error instanceof RpcError && error.code === ErrorCode.Overloaded && /\b40\b/.test(error.message),
  )
  child.reads()
  child.reads()
  assert.is(queue.write(bytes('x'), 'w'), 'accepted')
  assert.ok(child.input.endsWith('x'))
})

test('when stdin closes, writes that are held back and later ones learn of it', async () => {
  const { child, queue } = queueOf()
  queue.write(new Uint8Array(10), 'sent')
  const held = follow(queue.write(bytes('x'), 'held'))
  child.closeStdin()
  await settled()
  assert.is(held.status, 'stdinClosed')
  assert.is(queue.write(bytes('y'), 'new'), 'stdinClosed')
  // What was accepted before stays accepted.
  assert.is(queue.write(bytes('z'), 'sent'), 'accepted')
})

/** Whether a write is refused for want of room. */
function isRefused(queue: StdinQueue, size: number): boolean {
  try {
    void queue.write(new Uint8Array(size), null)
    return false
  } catch (error) {
    assert.is((error as RpcError).code, ErrorCode.Overloaded)
    return true
  }
}

test('tiny writes are held back by their number, and go on when the child has read', async () => {
  const { child, queue } = queueOf({ stdinQueue: 1000, stdinWrites: 5 })
  for (let count = 0; count < 5; count++) assert.is(queue.write(bytes('x'), null), 'accepted')
  const sixth = follow(queue.write(bytes('6'), null))
  await settled()
  assert.is(sixth.status, undefined)
  child.reads(4)
  await settled()
  assert.is(sixth.status, undefined)
  child.reads()
  await settled()
  assert.is(sixth.status, 'accepted')
  // The count began anew with the empty queue.
  for (let count = 0; count < 4; count++) assert.is(queue.write(bytes('y'), null), 'accepted')
})

test('a write that is held back counts for more than its bytes', () => {
  const { queue, child } = queueOf({ stdinTotal: 40, heldWriteOverhead: 9 })
  queue.write(new Uint8Array(10), null)
  for (let count = 0; count < 3; count++) assert.not(isRefused(queue, 1))
  assert.ok(isRefused(queue, 1))
  child.reads()
  assert.not(isRefused(queue, 1))
})

test('the processes of a session share one bound on what waits', async () => {
  const budget = new StdinBudget(limits.stdinTotal)
  const [one, other] = [queueOf({}, budget), queueOf({}, budget)]
  one.queue.write(new Uint8Array(38), null)
  assert.ok(isRefused(other.queue, 3), 'though its own child has nothing to read')
  assert.not(isRefused(other.queue, 2))
  one.child.reads(5)
  assert.not(isRefused(other.queue, 5))
  // What one that ended has not read waits for nobody.
  assert.ok(isRefused(other.queue, 20))
  one.child.closeStdin()
  assert.not(isRefused(other.queue, 20))
  other.child.reads()
  await settled()
  other.child.reads()
  assert.is(budget.total, 0)
  assert.not(isRefused(one.queue, 1000), 'closed, which is no want of room')
})

test('the flow control is asked first, and an error from it leaves nothing behind', async () => {
  const { child, queue } = queueOf()
  const refuse = (): never => {
    throw overloaded('too many')
  }
  queue.write(bytes('0123456789'), null, refuse)
  assert.throws(() => queue.write(bytes('abc'), 'w', refuse), /too many/)
  let asked = 0
  const first = follow(queue.write(bytes('abc'), 'w', () => asked++))
  // Its answer is waited for as well.
  assert.throws(() => queue.write(bytes('abc'), 'w', refuse), /too many/)
  child.reads()
  await settled()
  assert.equal([first.status, asked, child.input], ['accepted', 1, '0123456789abc'])
  assert.is(queue.write(bytes('abc'), 'w', refuse), 'accepted')
})

test('an end of file comes behind all that is queued and held back, once, and nothing comes behind it', async () => {
  const { child, queue } = queueOf()
  const written = ['12345', '67890', 'abcde'].map((text) => follow(queue.write(bytes(text), text)))
  assert.is(queue.end(), 'accepted')
  assert.is(queue.end(), 'stdinClosed')
  assert.is(queue.write(bytes('late'), 'late'), 'stdinClosed')
  assert.is(child.stdinEnds, 0)
  child.reads()
  await settled()
  assert.equal([child.input, child.stdinEnds], ['1234567890abcde', 1])
  assert.ok(written.every(({ status }) => status === 'accepted'))
  // A write that is sent again is known, though stdin is closed.
  assert.is(await queue.write(bytes('abcde'), 'abcde'), 'accepted')
  child.reads()
  assert.is(child.stdinEnds, 1)
})

test('an empty queue ends at once, and what the child has still to read counts', () => {
  const budget = new StdinBudget(20)
  const { child, queue } = queueOf({}, budget)
  queue.write(bytes('12345'), undefined)
  queue.end()
  assert.equal([child.stdinEnds, budget.total], [1, 5])
  child.reads()
  assert.is(budget.total, 0)
})

test('a stdin that is closed needs no end', () => {
  const { child, queue } = queueOf()
  child.closeStdin()
  assert.is(queue.end(), 'stdinClosed')
  assert.is(child.stdinEnds, 0)
})

test.run()
