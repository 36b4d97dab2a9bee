/** Measures the delay of the event loop in seconds. */
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { setInterval } from 'node:timers'
import { isDeno } from '../../base/runtime.ts'

/** Sampling interval: long enough to cost next to nothing. */
const RESOLUTION_MS = 20

/** Delays in seconds, NaN if nothing was measured. `quantile` takes 0.5 or 0.99. */
export type Delay = { quantile(of: number): number; max: number }

type Nanoseconds = {
  histogram: Pick<ReturnType<typeof createHistogram>, 'percentile' | 'max' | 'count' | 'reset'>
  base: number
}

/**
 * Returns a function that reports the delays since its previous call. The first call starts the measurement and
 * reports NaN, so that a server that is not scraped does not wake up for it.
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

/** Node's own monitor. Its values include the sampling interval. */
function monitored(): Nanoseconds {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return { histogram, base: RESOLUTION_MS * 1e6 }
}

/** Own sampling for Deno, whose monitor does not register a busy loop. */
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
