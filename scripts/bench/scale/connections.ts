/** Many connections: requests of all at once, and what an idle one costs. */
import { settledMemory } from '../proc.ts'
import type { Server } from '../servers.ts'
import { Session, SMALL_READ_BYTES } from '../session.ts'
import { percentile, rate, timed } from '../statistics.ts'
import type { Curve, Point } from './curve.ts'
import { kibibytesOfOne } from './curve.ts'

const STEPS = [1, 10, 100, 1000]
const CONNECTING = 20
const REQUESTS = 10_000

/** Opens sessions until there are so many. */
async function openUpTo(sessions: Session[], count: number, server: Server): Promise<void> {
  await rate(count - sessions.length, CONNECTING, async () => {
    sessions.push(await Session.open(server, SMALL_READ_BYTES))
  })
}

async function* requests(server: Server): AsyncGenerator<Point> {
  const sessions: Session[] = []
  for (const count of STEPS) {
    await openUpTo(sessions, count, server)
    const waits: number[] = []
    const each = Math.ceil(REQUESTS / count)
    const ask = async (session: Session): Promise<void> => {
      for (let index = 0; index < each; index++) waits.push(await timed(() => session.ask('environment/status', {})))
    }
    await Promise.all(sessions.map((session) => session.ask('environment/status', {})))
    const ms = await timed(() => Promise.all(sessions.map(ask)))
    yield { x: count, values: [waits.length / (ms / 1000), percentile(waits, 0.99)] }
  }
  await Promise.all(sessions.map((session) => session.close()))
}

async function* idle(server: Server): AsyncGenerator<Point> {
  const sessions: Session[] = []
  // The first ones also pay for what all of them use.
  await openUpTo(sessions, 10, server)
  const before = await settledMemory(server.pid)
  for (const count of [100, 300, 1000]) {
    await openUpTo(sessions, count + 10, server)
    yield { x: count, values: [await kibibytesOfOne(server, before, count)] }
  }
  await Promise.all(sessions.map((session) => session.close()))
}

export const connectionCurves: readonly Curve[] = [
  {
    name: 'requests',
    x: 'connections with one request each',
    series: [
      { label: 'requests of all', unit: '1/s', kind: 'rate' },
      { label: 'p99', unit: 'ms', kind: 'time' },
    ],
    points: requests,
  },
  {
    name: 'connection-memory',
    x: 'idle connections',
    series: [{ label: 'memory of one', unit: 'KiB', kind: 'each' }],
    points: idle,
  },
]
