/** Spreads starts over the turns of the event loop: each takes a millisecond, during which no client is served. */
import { afterTurn } from '../process-tree/after-turn.ts'

/** Time for starts in one turn, in milliseconds: hardly noticed by other clients. */
const TURN_MS = 2

let usedMs = 0
const waiting: (() => void)[] = []

const openTurn = afterTurn(() => {
  usedMs = 0
  waiting.shift()?.()
})

/** Calls `start` now, or in a later turn if earlier starts have used the time of this one. */
export async function inStartTurn<T>(start: () => T): Promise<T> {
  if (waiting.length > 0 || usedMs >= TURN_MS) await new Promise<void>((go) => waiting.push(go))
  openTurn()
  const since = performance.now()
  try {
    return start()
  } finally {
    usedMs += performance.now() - since
    if (usedMs < TURN_MS) waiting.shift()?.()
  }
}
