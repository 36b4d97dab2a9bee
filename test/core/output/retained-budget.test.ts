import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { RetainedBudget } from '../../../src/core/output/retained-budget.ts'
import type { Evictable } from '../../../src/core/output/retained-budget.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

/** An evictable of chunks, of which the first `sent` may go. */
class FakeEvictable implements Evictable {
  readonly chunks: number[] = []
  sent = 0
  /** How many chunks it was made to give up. */
  dropped = 0

  get held(): number {
    return this.chunks.reduce((sum, cost) => sum + cost, 0)
  }

  get mayDrop(): boolean {
    return this.sent > 0
  }

  dropOldest(): number {
    if (!this.mayDrop) return 0
    this.sent--
    this.dropped++
    return this.chunks.shift() as number
  }

  dropUnacknowledged(): number {
    return this.dropOldest()
  }

  dropAll(): number {
    const { held } = this
    this.chunks.length = 0
    this.sent = 0
    return held
  }
}

type Step = { who: number } & (
  | { act: 'hold'; cost: number; sent: boolean }
  | { act: 'send' | 'end' | 'remove' | 'shrink' }
)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      who: fc.nat(4),
      act: fc.constant('hold' as const),
      cost: fc.integer({ min: 1, max: 40 }),
      sent: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ who: fc.nat(4), act: fc.constantFrom('send' as const, 'end' as const, 'shrink' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ who: fc.nat(4), act: fc.constant('remove' as const) }) },
)

test('the total is what the evictables hold, stays below the bound while anything may go, and goes in the promised order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 150 }), fc.array(step, { maxLength: 100, size: 'max' }), (bound, steps) => {
      const budget = new RetainedBudget(bound)
      const running: FakeEvictable[] = []
      let ended: FakeEvictable[] = []
      const slots = Array.from({ length: 5 }, () => new FakeEvictable())
      for (const evictable of slots) {
        budget.add(evictable)
        running.push(evictable)
      }
      for (const step of steps) {
        const evictable = slots[step.who] as FakeEvictable
        const before = new Map(slots.map((each) => [each, each.dropped]))
        if (step.act === 'hold') {
          evictable.chunks.push(step.cost)
          // Only the head of the queue can have been sent.
          if (step.sent) evictable.sent = evictable.chunks.length
          budget.charge(step.cost)
        } else if (step.act === 'send') {
          evictable.sent = evictable.chunks.length
          budget.charge(0)
        } else if (step.act === 'shrink') {
          // Its own ring was full.
          if (evictable.sent > 0) budget.charge(-evictable.dropOldest())
          before.set(evictable, evictable.dropped)
        } else if (step.act === 'end') {
          budget.ended(evictable)
          if (!ended.includes(evictable)) ended.push(evictable)
          running.splice(0, running.length, ...running.filter((each) => each !== evictable))
        } else {
          budget.remove(evictable)
          assert.is(evictable.held, 0)
          ended = ended.filter((each) => each !== evictable)
          running.splice(0, running.length, ...running.filter((each) => each !== evictable))
          slots[step.who] = new FakeEvictable()
          budget.add(slots[step.who] as FakeEvictable)
          running.push(slots[step.who] as FakeEvictable)
        }
        assert.is(
          budget.total,
          slots.reduce((sum, { held }) => sum + held, 0),
        )
        assert.is(budget.exhausted, budget.total > bound)
        if (step.act === 'hold' || step.act === 'send')
          assert.ok(budget.total <= bound || !slots.some(({ mayDrop }) => mayDrop), `${budget.total} of ${bound}`)
        const gave = (each: FakeEvictable): boolean => each.dropped > (before.get(each) ?? each.dropped)
        // Whoever gave up something did so because those before it had nothing left to give.
        if (running.some(gave)) assert.not(ended.some(({ mayDrop }) => mayDrop))
        ended.forEach((each, index) => gave(each) && assert.not(ended.slice(0, index).some(({ mayDrop }) => mayDrop)))
      }
    }),
    { numRuns: 500 },
  )
})

function evictableOf(budget: RetainedBudget, chunks: readonly number[], sent: number): FakeEvictable {
  const evictable = new FakeEvictable()
  budget.add(evictable)
  evictable.chunks.push(...chunks)
  evictable.sent = sent
  budget.charge(evictable.held)
  return evictable
}

test('nothing is dropped below the bound, and no more than brings the total back to it', () => {
  const budget = new RetainedBudget(30)
  const evictable = evictableOf(budget, [10, 10, 10], 3)
  assert.is(evictable.dropped, 0)
  evictableOf(budget, [1], 0)
  assert.is(evictable.dropped, 1)
  assert.is(budget.total, 21)
})

test('the one that ended first gives up everything before the next gives up anything', () => {
  const budget = new RetainedBudget(60)
  const [late, early, running] = [
    evictableOf(budget, [10, 10], 2),
    evictableOf(budget, [10, 10], 2),
    evictableOf(budget, [10, 10], 2),
  ]
  budget.ended(early)
  budget.ended(late)
  evictableOf(budget, [25], 1)
  assert.equal([early.dropped, late.dropped, running.dropped], [2, 1, 0])
})

test('running ones give up in turn, so that one does not lose all', () => {
  const budget = new RetainedBudget(120)
  const evictables = [1, 2, 3].map(() => evictableOf(budget, [10, 10, 10, 10], 4))
  evictableOf(budget, [60], 0)
  assert.equal(
    evictables.map(({ dropped }) => dropped),
    [2, 2, 2],
  )
})

test('what has not been sent is kept, even above the bound', () => {
  const budget = new RetainedBudget(10)
  const [one, other] = [evictableOf(budget, [10, 10], 0), evictableOf(budget, [20], 0)]
  budget.ended(one)
  evictableOf(budget, [5], 0)
  assert.equal([one.dropped, other.dropped], [0, 0])
  assert.is(budget.total, 45)
  assert.ok(budget.exhausted)
  one.sent = 2
  budget.charge(0)
  assert.is(one.dropped, 2)
})

test('a evictable that ends twice or was never added changes nothing', () => {
  const budget = new RetainedBudget(10)
  const evictable = evictableOf(budget, [5], 1)
  budget.ended(new FakeEvictable())
  budget.ended(evictable)
  budget.ended(evictable)
  budget.remove(evictable)
  budget.ended(evictable)
  assert.is(budget.total, 0)
})

test.run()
