/** Timers under the test's control, for code that uses the runtime's own. */
import { ManualClock } from '../../../support/fakes/manual-clock.ts'
import { atEnd } from '../../../support/scope.ts'

export type ManualTimers = {
  /** Advances the time by so many ms and runs the timers that are due. */
  advance(ms: number): void
}

/** Replaces setTimeout and clearTimeout until the end of the test. */
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
    // Timers set before are the runtime's.
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
