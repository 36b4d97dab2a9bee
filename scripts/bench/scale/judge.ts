/** Whether a curve grows as it may. */
import type { Kind, Point } from './curve.ts'

/** Below this many milliseconds the differences are those of timers and the scheduler. */
const NOISE_MS = 1
/** How much worse a point may be than the one before it allows: machines vary. */
const MARGIN = 1.5
/** What another client may wait. */
export const OTHERS_MS = 20

/** The first x at which the series does what it may not; undefined if there is none. */
export function firstBreach(kind: Kind, points: readonly Point[], column: number): number | undefined {
  const value = (point: Point): number => point.values[column] as number
  if (kind === 'others') return points.find((point) => value(point) > OTHERS_MS)?.x
  return points.find((point, index) => {
    const before = points[index - 1]
    return before !== undefined && isBreach(kind, [before.x, value(before)], [point.x, value(point)])
  })?.x
}

function isBreach(kind: Exclude<Kind, 'others'>, before: [number, number], after: [number, number]): boolean {
  const [fromX, from] = before
  const [toX, to] = after
  if (kind === 'rate') return to * MARGIN < from
  const growth = kind === 'time' ? toX / Math.max(fromX, 1) : 1
  return to > Math.max(from, NOISE_MS) * growth * MARGIN
}
