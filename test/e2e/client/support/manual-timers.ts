/** Time that passes only when a test says so, for code that takes its timers from the runtime. */
import { ManualClock } from '../../../support/fakes/manual-clock.ts'
import { atEnd } from '../../../support/scope.ts'

export type ManualTimers = {
  /** Lets so many milliseconds pass, and runs what is due on the way. */
  advance(ms: number): void
}

/** Until the test ends, setTimeout and clearTimeout are of this clock. */
export function manualTimers(): ManualTimers {
  const clock = new ManualClock()
  const cancels = new WeakMap<object, () => void>()
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout }
  const manual = {
    setTimeout: (call: () => void, ms = 0): object => {
      const timer = { unref: () => timer, ref: () => timer }
      cancels.set(timer, clock.after(ms, call))
      return timer
    },
    // Those that were set before are the runtime's.
    clearTimeout: (timer: unknown): void => {
      const cancel = typeof timer === 'object' && timer !== null ? cancels.get(timer) : undefined
      if (cancel === undefined) real.clearTimeout(timer as NodeJS.Timeout)
      else cancel()
    },
  }
  Object.assign(globalThis, manual)
  atEnd(() => void Object.assign(globalThis, real))
  return { advance: (ms) => clock.advance(ms) }
}
