import * as assert from 'uvu/assert'
import { test } from '../../support/suite.ts'
import { setLoadTimeout, shareOfProcessor } from '../../support/time/load-timeout.ts'

test('time counts in full while only the suite runs, and by the share of the processor beside other work', () => {
  assert.is(shareOfProcessor(0, 2), 1)
  assert.is(shareOfProcessor(4, 2), 1)
  assert.is(shareOfProcessor(8, 2), 0.5)
  assert.is(shareOfProcessor(16, 2), 0.25)
})

/** The number of looks at the load before a timeout of 8 ms. */
const looksUntilTimeout = (share: number): Promise<number> =>
  new Promise((resolve) => {
    let looks = 0
    setLoadTimeout(
      () => resolve(looks),
      8,
      () => {
        looks++
        return share
      },
    )
  })

test('a timeout comes after its time, and after several times as long at a small share', async () => {
  assert.is(await looksUntilTimeout(1), 1)
  // Each look takes an eighth of what is left, until less than 1 ms is: 8 × (7/8)^n < 1.
  assert.is(await looksUntilTimeout(1 / 8), 16)
})

test('a cancelled timeout never comes', async () => {
  const cancel = setLoadTimeout(
    () => assert.unreachable(),
    1,
    () => 1,
  )
  cancel()
  assert.is(await looksUntilTimeout(1), 1)
})

test.run()
