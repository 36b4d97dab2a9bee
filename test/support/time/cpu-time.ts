/**
 * Measures how work grows with input size, in CPU time, which excludes other programs, unlike wall time. It is still
 * noisy, so tests that compare it belong to the full tier.
 */
import process from 'node:process'
import * as assert from 'uvu/assert'

const TRIES = 3
/** Maximum factor for four times the input. Quadratic work would take 16 times as long. */
const GROWTH = 10
/** Allowance for constant costs, such as garbage collection. */
const SLACK_MS = 20

/** CPU time in ms of this thread (Node 23.9 or later), otherwise of the process. */
function usedMs(): number {
  const { user, system } = (process.threadCpuUsage ?? process.cpuUsage)()
  return (user + system) / 1000
}

/** The minimum CPU time in ms of several runs. */
export function cpuMs(run: () => unknown, tries = TRIES): number {
  let least = Infinity
  for (let count = 0; count < tries; count++) {
    const before = usedMs()
    run()
    least = Math.min(least, usedMs() - before)
  }
  return least
}

/** Measurements before a verdict: one on a busy machine may be wrong by far, and quadratic work fails all of them. */
const ROUNDS = 4

/** Fails if four times the input takes more than GROWTH times the CPU time. `prepare` is not measured. */
export function assertLinear(what: string, size: number, prepare: (size: number) => () => unknown): void {
  const [small, large] = [prepare(size), prepare(4 * size)]
  cpuMs(small)
  const measured: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const base = cpuMs(small)
    const grown = cpuMs(large)
    if (grown < GROWTH * base + SLACK_MS) return
    measured.push(`${base} ms, and ${grown} ms for four times as much`)
  }
  assert.unreachable(`${what}: ${measured.join('; ')}`)
}
