/** How a curve is declared: what is measured while one quantity grows. */
import { settledMemory } from '../proc.ts'
import type { Memory } from '../proc.ts'
import { startServer } from '../servers.ts'
import type { Server, Subject } from '../servers.ts'

/**
 * How a series may change from one point to the next.
 *
 * - `time`: in proportion to x at most.
 * - `each`: what one of x costs, which stays as it is.
 * - `rate`: per second, higher is better: it stays as it is.
 * - `others`: what another client waits, in milliseconds: below a fixed limit.
 */
export type Kind = 'time' | 'each' | 'rate' | 'others'

export type Series = { label: string; unit: string; kind: Kind }

/** One value for each series. */
export type Point = { x: number; values: readonly number[] }

export type Curve = {
  name: string
  /** What grows. */
  x: string
  series: readonly Series[]
  /** Measures one point after the other, on a server with these arguments. */
  arguments?: readonly string[]
  points(server: Server): AsyncIterable<Point>
}

/** Measures a curve on a server of its own. `onPoint` is called with each point. */
export async function measureCurve(curve: Curve, subject: Subject, onPoint: (point: Point) => void): Promise<Point[]> {
  const command = [...subject.command, ...(curve.arguments ?? [])]
  const server = await startServer({ ...subject, command })
  const points: Point[] = []
  try {
    for await (const point of curve.points(server)) {
      points.push(point)
      onPoint(point)
    }
  } finally {
    await server.stop()
  }
  return points
}

/** Memory in KiB that each of `count` takes, which have come since `before`. */
export async function kibibytesOfOne({ pid }: Server, before: Memory, count: number): Promise<number> {
  const { anonymous } = await settledMemory(pid)
  return ((anonymous - before.anonymous) * 1024) / count
}
