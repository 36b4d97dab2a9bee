/** The short form of the fuzz suite: what once failed, and some hundred inputs, always the same. */
import * as assert from 'uvu/assert'
import { suite } from '../support/suite.ts'
import { families } from './families/index.ts'
import { replay, runFamily } from './family.ts'
import { makePlace } from './place.ts'
import type { Place } from './place.ts'
import { restored, saved, savedBatches } from './saved.ts'

/** Of all families together. */
const QUICK_INPUTS = 500
const FULL_INPUTS = 20_000
const SEED = 20_251_121

const test = suite('fuzz', { limitMs: 240_000 })
let place: Place

test.before(async () => {
  place = await makePlace({ sandboxes: false })
})
test.after(() => place.remove())

for (const family of families) {
  const known = savedBatches().filter((entry) => entry.family === family.name)
  if (known.length > 0) {
    test.full(
      `${family.name}: what once failed does so no more: ${known.map(({ found }) => found).join('; ')}`,
      async () => {
        assert.is(
          await replay(
            family,
            place,
            known.map((entry) => restored(entry, place)),
          ),
          undefined,
        )
      },
    )
  }

  const define = (test: (title: string, body: () => unknown) => void, total: number): void => {
    const inputs = (total * family.share) / 100
    test(`${family.name}: ${inputs} inputs of every kind end in neither a crash, nor silence, nor anything left behind`, async () => {
      const { failure } = await runFamily(family, place, { inputs, seed: SEED, restMs: 0 })
      if (failure === undefined) return
      const again = JSON.stringify({
        family: family.name,
        found: '',
        mode: failure.mode,
        inputs: saved(failure.inputs, place),
      })
      assert.unreachable(`${failure.message}\nseed ${failure.seed}, path ${failure.path}; for seeds.json: ${again}`)
    })
  }
  define(test, QUICK_INPUTS)
  define(test.full, FULL_INPUTS)
}

test.run()
