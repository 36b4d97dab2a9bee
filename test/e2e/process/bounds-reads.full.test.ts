/** Gigabytes of answers in bounded memory. In a file of its own: it takes minutes on a loaded machine. */
import * as assert from 'uvu/assert'
import { readAtOnce } from '../../support/large-reads.ts'
import { isDeno } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const MiB = 1024 * 1024
const test = suite('bounds', { limitMs: 280_000 })

test('forty large reads asked for at once are answered in bounded memory', async () => {
  const { bytes, growth } = await readAtOnce(40, 30 * MiB)
  assert.ok(bytes > 40 * 40 * MiB)
  // Deno copies each write once more, slowly, and collects late.
  assert.ok(growth < (isDeno ? 1100 : 500) * MiB, `${Math.round(growth / MiB)} MiB at the most for 1.6 GB of answers`)
})

test.run()
