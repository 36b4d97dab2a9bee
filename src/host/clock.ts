import { setImmediate, setTimeout, clearTimeout } from 'node:timers'
import type { Clock } from '../core/base/clock.ts'

/** The longest delay of a timer, about 24 days; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** The system's monotonic clock (ms), with timers that do not keep the process alive: the listeners do that. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, Math.min(ms, MAX_DELAY_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
  soon: (call) => void setImmediate(call),
}
