/**
 * How work grows with its input, told by processor time: unlike the time on a clock it leaves out what other programs do
 * meanwhile. It is no count, so what compares it belongs to the full tier.
 */
import process from 'node:process'
import * as assert from 'uvu/assert'

const TRIES = 3
/** A square would take sixteen times as long for four times the input. */
const GROWTH = 10
/** For what does not grow, such as a collection of garbage. */
const SLACK_MS = 20

/** The processor time of this thread where the runtime tells it (Node 23.9 on), else that of the process. */
function usedMs(): number {
  const { user, system } = (process.threadCpuUsage ?? process.cpuUsage)()
  return (user + system) / 1000
}

/** The least processor time that `run` takes in some tries. */
export function cpuMs(run: () => unknown, tries = TRIES): number {
  let least = Infinity
  for (let count = 0; count < tries; count++) {
    const before = usedMs()
    run()
    least = Math.min(least, usedMs() - before)
  }
  return least
}

/** Fails if four times the input takes much more than four times the work. `prepare` is not counted. */
export function assertLinear(what: string, size: number, prepare: (size: number) => () => unknown): void {
  const [small, large] = [prepare(size), prepare(4 * size)]
  cpuMs(small)
  const base = cpuMs(small)
  const grown = cpuMs(large)
  assert.ok(grown < GROWTH * base + SLACK_MS, `${what}: ${base} ms, and ${grown} ms for four times as much`)
}
