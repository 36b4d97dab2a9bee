/**
 * Shares the event loop among connections that send much: a flood of tiny frames is read in slices, between which the
 * others are served. Without it the runtime reads up to 2 MiB of one socket at a time, which may be 300,000 pings.
 */
import { setImmediate } from 'node:timers'

/** Time for input of all connections in one turn of the event loop, in milliseconds: hardly noticed by the others. */
const TURN_MS = 2

/** Time of one connection that it has in any case, so that other floods do not keep it waiting. */
const SLICE_MS = 1

/**
 * Frames that are read before the end of the turn is awaited, at most within {@link SLICE_MS}: to learn of it costs as
 * much as reading some of them, which requests that come one at a time need not pay.
 */
const FREE_FRAMES = 16

/** Returns a function that a connection asks before it reads a frame: whether there is time left in this turn. */
export type InputTurns = () => () => boolean

/** Creates the turns of one server. `now` is in milliseconds; `afterTurn` calls back once pending input was handled. */
export function inputTurns(
  now: () => number = () => performance.now(),
  afterTurn: (call: () => void) => void = setImmediate,
): InputTurns {
  let turn = 0
  /** Whether the end of this turn is awaited. */
  let isOpen = false
  let since = 0
  let free = FREE_FRAMES
  const open = (time: number): void => {
    isOpen = true
    // Free frames that were read long ago may still be of this turn: then they had a slice of it.
    since = Math.max(since, time - SLICE_MS)
    afterTurn(() => {
      isOpen = false
      free = FREE_FRAMES
      turn++
    })
  }
  return () => {
    let ownTurn = -1
    let ownSince = 0
    return () => {
      const time = now()
      if (!isOpen) {
        if (free === FREE_FRAMES) since = time
        if (free > 0 && time - since < SLICE_MS) {
          free--
          return true
        }
        open(time)
      }
      if (ownTurn !== turn) {
        ownTurn = turn
        ownSince = time
        return true
      }
      return time - ownSince < SLICE_MS || time - since < TURN_MS
    }
  }
}

/**
 * Takes `steps` as long as `mayGoOn`, and the rest in further turns of the event loop. Calls `done` with the result;
 * `isLater`: after this function has returned.
 */
export function inTurns<T>(
  steps: Iterator<unknown, T>,
  mayGoOn: () => boolean,
  done: (result: T, isLater: boolean) => void,
): void {
  let isLater = false
  const next = (): void => {
    do {
      const step = steps.next()
      if (step.done === true) return done(step.value, isLater)
    } while (mayGoOn())
    isLater = true
    setImmediate(next)
  }
  next()
}
