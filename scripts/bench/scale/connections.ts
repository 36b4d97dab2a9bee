/** Many connections: requests of all at once, and what an idle one costs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { memory } from '../proc.ts'
import type { Server } from '../servers.ts'
import { Session } from '../session.ts'
import { percentile, rate, timed } from '../statistics.ts'
import type { Curve, Point } from './curve.ts'
import { SMALL_READ_BYTES } from './probe.ts'

const STEPS = [1, 10, 100, 1000]
const CONNECTING = 20
const REQUESTS = 10_000
/** For what a server does soon after its work, such as collecting garbage. */
const SETTLE_MS = 1500

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

async function anonymousKibibytes({ pid }: Server): Promise<number> {
  await sleep(SETTLE_MS)
  return memory(pid).anonymous * 1024
}

async function* idle(server: Server): AsyncGenerator<Point> {
  const sessions: Session[] = []
  // The first ones also pay for what all of them use.
  await openUpTo(sessions, 10, server)
  const before = await anonymousKibibytes(server)
  for (const count of [100, 300, 1000]) {
    await openUpTo(sessions, count + 10, server)
    yield { x: count, values: [((await anonymousKibibytes(server)) - before) / count] }
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
