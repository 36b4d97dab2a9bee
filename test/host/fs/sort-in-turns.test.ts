import fc from 'fast-check'
import { setImmediate } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { sortInTurns } from '../../../src/host/fs/sort-in-turns.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

type Item = { key: number; index: number }
const byKey = (one: Item, other: Item): number => one.key - other.key

test('lists of any length are sorted, and what is equal stays in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 30_000 }), fc.nat(2 ** 30), async (length, seed) => {
      const list = Array.from({ length }, (_, index) => ({ key: (seed * (index + 1)) % 997, index }))
      assert.equal(await sortInTurns([...list], byKey), list.toSorted(byKey))
    }),
    { numRuns: 20 },
  )
})

test('a long list is sorted in many turns of the event loop', async () => {
  let [turns, isOver] = [0, false]
  const counting = (async () => {
    for (; !isOver; turns++) await setImmediate()
  })()
  const list = Array.from({ length: 100_000 }, (_, index) => ({ key: (index * 7919) % 100_003, index }))
  await sortInTurns(list, byKey)
  isOver = true
  await counting
  assert.ok(turns > 50, `${turns}`)
})

test.run()
