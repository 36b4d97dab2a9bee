import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { RetainedBudget } from '../../../src/core/process/retained-budget.ts'
import type { Holder } from '../../../src/core/process/retained-budget.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

/** A holder of chunks, of which the first `sent` may go. */
class FakeHolder implements Holder {
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

test('the total is what the holders hold, stays below the bound while anything may go, and goes in the promised order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 150 }), fc.array(step, { maxLength: 100, size: 'max' }), (bound, steps) => {
      const budget = new RetainedBudget(bound)
      const running: FakeHolder[] = []
      let ended: FakeHolder[] = []
      const slots = Array.from({ length: 5 }, () => new FakeHolder())
      for (const holder of slots) {
        budget.add(holder)
        running.push(holder)
      }
      for (const step of steps) {
        const holder = slots[step.who] as FakeHolder
        const before = new Map(slots.map((each) => [each, each.dropped]))
        if (step.act === 'hold') {
          holder.chunks.push(step.cost)
          // Only the head of the queue can have been sent.
          if (step.sent) holder.sent = holder.chunks.length
          budget.charge(step.cost)
        } else if (step.act === 'send') {
          holder.sent = holder.chunks.length
          budget.charge(0)
        } else if (step.act === 'shrink') {
          // Its own ring was full.
          if (holder.sent > 0) budget.charge(-holder.dropOldest())
          before.set(holder, holder.dropped)
        } else if (step.act === 'end') {
          budget.ended(holder)
          if (!ended.includes(holder)) ended.push(holder)
          running.splice(0, running.length, ...running.filter((each) => each !== holder))
        } else {
          budget.remove(holder)
          assert.is(holder.held, 0)
          ended = ended.filter((each) => each !== holder)
          running.splice(0, running.length, ...running.filter((each) => each !== holder))
          slots[step.who] = new FakeHolder()
          budget.add(slots[step.who] as FakeHolder)
          running.push(slots[step.who] as FakeHolder)
        }
        assert.is(
          budget.total,
          slots.reduce((sum, { held }) => sum + held, 0),
        )
        assert.is(budget.exhausted, budget.total > bound)
        if (step.act === 'hold' || step.act === 'send')
          assert.ok(budget.total <= bound || !slots.some(({ mayDrop }) => mayDrop), `${budget.total} of ${bound}`)
        const gave = (each: FakeHolder): boolean => each.dropped > (before.get(each) ?? each.dropped)
        // Whoever gave up something did so because those before it had nothing left to give.
        if (running.some(gave)) assert.not(ended.some(({ mayDrop }) => mayDrop))
        ended.forEach((each, index) => gave(each) && assert.not(ended.slice(0, index).some(({ mayDrop }) => mayDrop)))
      }
    }),
    { numRuns: 500 },
  )
})

function holderOf(budget: RetainedBudget, chunks: readonly number[], sent: number): FakeHolder {
  const holder = new FakeHolder()
  budget.add(holder)
  holder.chunks.push(...chunks)
  holder.sent = sent
  budget.charge(holder.held)
  return holder
}

test('nothing is dropped below the bound, and no more than brings the total back to it', () => {
  const budget = new RetainedBudget(30)
  const holder = holderOf(budget, [10, 10, 10], 3)
  assert.is(holder.dropped, 0)
  holderOf(budget, [1], 0)
  assert.is(holder.dropped, 1)
  assert.is(budget.total, 21)
})

test('the one that ended first gives up everything before the next gives up anything', () => {
  const budget = new RetainedBudget(60)
  const [late, early, running] = [
    holderOf(budget, [10, 10], 2),
    holderOf(budget, [10, 10], 2),
    holderOf(budget, [10, 10], 2),
  ]
  budget.ended(early)
  budget.ended(late)
  holderOf(budget, [25], 1)
  assert.equal([early.dropped, late.dropped, running.dropped], [2, 1, 0])
})

test('running ones give up in turn, so that one does not lose all', () => {
  const budget = new RetainedBudget(120)
  const holders = [1, 2, 3].map(() => holderOf(budget, [10, 10, 10, 10], 4))
  holderOf(budget, [60], 0)
  assert.equal(
    holders.map(({ dropped }) => dropped),
    [2, 2, 2],
  )
})

test('what has not been sent is kept, even above the bound', () => {
  const budget = new RetainedBudget(10)
  const [one, other] = [holderOf(budget, [10, 10], 0), holderOf(budget, [20], 0)]
  budget.ended(one)
  holderOf(budget, [5], 0)
  assert.equal([one.dropped, other.dropped], [0, 0])
  assert.is(budget.total, 45)
  assert.ok(budget.exhausted)
  one.sent = 2
  budget.charge(0)
  assert.is(one.dropped, 2)
})

test('a holder that ends twice or was never added changes nothing', () => {
  const budget = new RetainedBudget(10)
  const holder = holderOf(budget, [5], 1)
  budget.ended(new FakeHolder())
  budget.ended(holder)
  budget.ended(holder)
  budget.remove(holder)
  budget.ended(holder)
  assert.is(budget.total, 0)
})

test.run()
