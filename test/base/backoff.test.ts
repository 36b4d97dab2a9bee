import * as assert from 'uvu/assert'
import { createBackoff } from '../../src/base/backoff.ts'
import { test } from '../support/suite.ts'

const limits = { retryMinMs: 500, retryMaxMs: 30_000 }

test('pauses double up to the longest one, and begin anew once it works', () => {
  const { failed, worked } = createBackoff(limits, () => 1)
  assert.equal(Array.from({ length: 8 }, failed), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  for (let times = 0; times < 5000; times++) failed()
  assert.is(failed(), 30_000)
  worked()
  assert.is(failed(), 500)
})

test('a random part of a pause, at most half of it, is left out', () => {
  const pauses = Array.from({ length: 200 }, () => createBackoff(limits).failed())
  assert.ok(pauses.every((ms) => ms >= 250 && ms <= 500))
  assert.ok(new Set(pauses).size > 100)
  assert.is(createBackoff(limits, () => 0).failed(), 250)
})

test.run()
