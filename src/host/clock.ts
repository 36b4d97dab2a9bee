import { setImmediate, setTimeout, clearTimeout } from 'node:timers'
import type { Clock } from '../core/base/clock.ts'

/** The longest delay a timer takes; longer ones would fire at once. It is 24 days. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** Timers that do not keep the program alive: the doors do that. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, Math.min(ms, MAX_DELAY_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
  soon: (call) => void setImmediate(call),
}
