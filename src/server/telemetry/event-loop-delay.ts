/** How late the event loop is, in seconds. */
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { setInterval } from 'node:timers'
import { isDeno } from '../../base/runtime.ts'

/** How often it is looked at: rarely enough to cost nothing. */
const RESOLUTION_MS = 20

export type Delay = { quantile(of: number): number; max: number }

type Nanoseconds = {
  histogram: Pick<ReturnType<typeof createHistogram>, 'percentile' | 'max' | 'count' | 'reset'>
  base: number
}

/**
 * Each call tells of the time since the call before. It is measured from the first on, which therefore learns nothing
 * (NaN): a server that nobody asks is not woken for it.
 */
export function eventLoopDelay(): () => Delay {
  let measured: Nanoseconds | undefined
  return () => {
    const { histogram, base } = (measured ??= isDeno ? sampled() : monitored())
    const isKnown = histogram.count > 0
    const seconds = (ns: number): number => (isKnown ? Math.max(0, ns - base) / 1e9 : NaN)
    const quantiles = new Map([0.5, 0.99].map((quantile) => [quantile, seconds(histogram.percentile(quantile * 100))]))
    const max = seconds(histogram.max)
    histogram.reset()
    return { quantile: (of) => quantiles.get(of) ?? NaN, max }
  }
}

/** The runtime's own, which measures from one look to the next. */
function monitored(): Nanoseconds {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return { histogram, base: RESOLUTION_MS * 1e6 }
}

/** Deno's own does not see a loop that is busy. */
function sampled(): Nanoseconds {
  const histogram = createHistogram()
  let last = performance.now()
  setInterval(() => {
    const now = performance.now()
    histogram.record(Math.max(1, Math.round((now - last - RESOLUTION_MS) * 1e6)))
    last = now
  }, RESOLUTION_MS).unref()
  return { histogram, base: 0 }
}
