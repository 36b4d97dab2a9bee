import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { ResponseMemoryLimiter } from '../../../src/core/base/response-memory-limiter.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

test('answers get room in the order asked, never more than the bound, and all of them in the end', async () => {
  const sizes = fc.array(fc.oneof(fc.nat(5), fc.nat(60), fc.constant(0)), { minLength: 1, maxLength: 25 })
  const acts = fc.array(fc.constantFrom('ask', 'ask', 'finish', 'drain'), { maxLength: 80, size: 'max' })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 50 }), sizes, acts, async (bound, sizes, acts) => {
      let queued = 0
      const budget = new ResponseMemoryLimiter(bound, () => queued)
      const granted: number[] = []
      const open: number[] = []
      let asked = 0
      const grant = (index: number): void => {
        granted.push(index)
        open.push(index)
        const taken = queued + open.reduce((sum, each) => sum + (sizes[each] as number), 0)
        // One answer goes out to a transport that is not full, whatever its size.
        const alone = open.every((each) => each === index || sizes[each] === 0)
        assert.ok(taken <= bound || alone, `${taken} of ${bound}`)
      }
      const ask = (): void => {
        if (asked === sizes.length) return
        const index = asked++
        const room = budget.reserve(sizes[index] as number)
        if (room === undefined) grant(index)
        else void room.then(() => grant(index))
      }
      const finish = (): void => {
        const index = open.shift()
        if (index === undefined) return
        queued += sizes[index] as number
        budget.release(sizes[index] as number)
      }
      const drain = (): void => {
        queued = 0
        budget.retry()
      }
      for (const act of acts) {
        ;({ ask, finish, drain })[act]()
        await Promise.resolve()
      }
      while (asked < sizes.length) ask()
      for (let round = 0; round <= sizes.length && granted.length < sizes.length; round++) {
        while (open.length > 0) finish()
        drain()
        await settled()
      }
      assert.equal(
        granted,
        sizes.map((_, index) => index),
      )
    }),
    { numRuns: 200 },
  )
})

test('an answer larger than the bound waits for an empty house and then goes', async () => {
  let queued = 0
  const budget = new ResponseMemoryLimiter(100, () => queued)
  assert.is(budget.reserve(60), undefined)
  let granted = false
  void budget.reserve(1000)?.then(() => (granted = true))
  await settled()
  assert.not(granted)
  queued = 60
  budget.release(60)
  await settled()
  assert.ok(granted)
})

test('a small answer does not overtake a large one that waits', async () => {
  const budget = new ResponseMemoryLimiter(100, () => 0)
  assert.is(budget.reserve(60), undefined)
  const order: string[] = []
  void budget.reserve(80)?.then(() => order.push('large'))
  void budget.reserve(1)?.then(() => order.push('small'))
  await settled()
  assert.equal(order, [])
  budget.release(60)
  await settled()
  assert.equal(order, ['large', 'small'])
})

test('nothing is granted to a transport that is full, until it drains', async () => {
  let queued = 100
  const budget = new ResponseMemoryLimiter(100, () => queued)
  const room = budget.reserve(0)
  assert.instance(room, Promise)
  queued = 0
  budget.retry()
  await room
  assert.is(budget.reserve(100), undefined)
})

test('when the connection is gone no request waits any more', async () => {
  const budget = new ResponseMemoryLimiter(10, () => 10)
  const waiting = [budget.reserve(5), budget.reserve(50)]
  budget.dispose()
  await Promise.all(waiting)
  budget.release(5)
  budget.release(50)
})

test('when its answers have no reader any more, what waits is refused, and what comes later, too', async () => {
  const budget = new ResponseMemoryLimiter(10, () => 10)
  const waiting = [budget.reserve(5), budget.reserve(50)]
  const reason = new Error('gone')
  budget.refuse(reason)
  waiting.push(budget.reserve(1))
  const results = await Promise.allSettled(waiting)
  assert.ok(results.every((result) => result.status === 'rejected' && result.reason === reason))
})

test.run()
