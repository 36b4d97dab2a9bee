/**
 * Guards the speed of the server: CPU time as a multiple of what plain Node needs for the same work, and its calls of read
 * and write.
 */
import process from 'node:process'
import * as assert from 'uvu/assert'
import { measureWork } from '../../../scripts/bench/guard/ratios.ts'
import type { Kind, Work } from '../../../scripts/bench/guard/ratios.ts'
import { startServer } from '../../../scripts/bench/servers.ts'
import { median } from '../../../scripts/bench/statistics.ts'
import { serverCommand } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const ROUNDS = 5
/** Going back by more than a fifth fails. */
const MARGIN = 1.2

/**
 * As measured with the executable on two busy cores, where the ratios are highest: on idle ones they were 1.2, 0.24 and
 * 0.41. `ratio`: to the CPU time of plain Node. `calls`: of one request, start or MB of output.
 */
const MEASURED: Record<Kind, { ratio: number; calls: number }> = {
  request: { ratio: 1.3, calls: 0.3 },
  start: { ratio: 0.31, calls: 17.6 },
  output: { ratio: 0.63, calls: 400 },
}

const test = suite('speed', { limitMs: 300_000 })

const rounds: Record<Kind, Work>[] = []

test.before(async () => {
  const [program, args] = serverCommand([])
  const command = [program, ...args]
  const path = (text: string): string => new URL(`file://${text}`).href
  for (let round = 0; round < ROUNDS; round++) {
    const server = await startServer({ name: 'ours', program, command, path, env: process.env })
    try {
      rounds.push(await measureWork(server))
    } finally {
      await server.stop()
    }
  }
})

for (const kind of ['request', 'start', 'output'] as const) {
  test(`the CPU time of a ${kind} stays within a fifth of what it was, beside plain Node`, () => {
    const ratios = rounds.map((round) => round[kind].ours / round[kind].plain)
    assert.ok(median(ratios) <= MEASURED[kind].ratio * MARGIN, ratios.map((ratio) => ratio.toFixed(2)).join(' '))
  })

  test(`a ${kind} takes no more calls of read and write than it did`, () => {
    const calls = rounds.map((round) => round[kind].calls / round[kind].count)
    assert.ok(median(calls) <= MEASURED[kind].calls * MARGIN, calls.map((count) => count.toFixed(2)).join(' '))
  })
}

test.run()
