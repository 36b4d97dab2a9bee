import * as assert from 'uvu/assert'
import { CallerGoneError, FairSlots } from '../../../src/core/base/fair-slots.ts'
import type { Slot } from '../../../src/core/base/fair-slots.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

/** Slots, and what was granted so far, in order. */
function slots(limits = { total: 4, perCaller: 3, aside: 2 }) {
  const fair = new FairSlots(limits)
  const granted: { name: string; slot: Slot }[] = []
  const caller = (name: string) => {
    const self = { isGone: false }
    const dropped: unknown[] = []
    const call = (): void => {
      fair.acquire(self).then(
        (slot) => granted.push({ name, slot }),
        (error: unknown) => dropped.push(error),
      )
    }
    return { self, dropped, calls: (count: number) => Array.from({ length: count }, call) }
  }
  const names = async (): Promise<string> => {
    await settled()
    return granted.map(({ name }) => name).join('')
  }
  return { granted, caller, names }
}

test('a caller alone gets all slots but those kept for others', async () => {
  const { caller, names, granted } = slots()
  caller('a').calls(10)
  assert.is(await names(), 'aaa')
  caller('b').calls(1)
  assert.is(await names(), 'aaab')
  granted[3]?.slot.release()
  assert.is(await names(), 'aaab')
  granted[0]?.slot.release()
  assert.is(await names(), 'aaaba')
})

test('callers take turns, however many calls one of them has waiting', async () => {
  const { caller, names, granted } = slots({ total: 1, perCaller: 1, aside: 0 })
  caller('a').calls(100)
  caller('b').calls(3)
  caller('c').calls(1)
  for (let count = 0; count < 7; count++) {
    await names()
    granted[count]?.slot.release()
  }
  assert.is(await names(), 'aabcabab')
})

test('a slot set aside is free for others, counts for its caller, and is released once', async () => {
  const { caller, names, granted } = slots({ total: 2, perCaller: 1, aside: 1 })
  const [a, b, c] = [caller('a'), caller('b'), caller('c')]
  a.calls(2)
  b.calls(1)
  c.calls(2)
  assert.is(await names(), 'ab')
  granted[0]?.slot.setAside()
  assert.is(await names(), 'abc')
  // No more of them may be set aside.
  granted[1]?.slot.setAside()
  assert.is(await names(), 'abc')
  granted[0]?.slot.release()
  granted[0]?.slot.release()
  assert.is(await names(), 'abc')
  granted[1]?.slot.release()
  assert.is(await names(), 'abca')
})

test('calls of a caller that has gone are dropped, and those of others go on', async () => {
  const { caller, names, granted } = slots({ total: 1, perCaller: 1, aside: 0 })
  const [a, b] = [caller('a'), caller('b')]
  a.calls(5)
  b.calls(2)
  assert.is(await names(), 'a')
  a.self.isGone = true
  granted[0]?.slot.release()
  assert.is(await names(), 'ab')
  assert.is(a.dropped.length, 4)
  assert.ok(a.dropped.every((error) => error instanceof CallerGoneError))
  granted[1]?.slot.release()
  assert.is(await names(), 'abb')
})

test.run()
