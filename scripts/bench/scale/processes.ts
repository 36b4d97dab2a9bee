/** Many processes: what one costs that runs or has ended, starts beside others, and floods of output. */
import { settledMemory } from '../proc.ts'
import type { Server } from '../servers.ts'
import { Session } from '../session.ts'
import { rate, timed } from '../statistics.ts'
import { kibibytesOfOne } from './curve.ts'
import type { Curve, Point } from './curve.ts'
import { whileAnotherAsks } from './probe.ts'

const IN_FLIGHT = 8
const STARTS = 200
const FLOOD_BYTES = 1024 * 1024 * 1024
/** Longer than any run of this. */
const SLEEP = ['sleep', '600']
const QUICK = ['/bin/true']

/** What a process costs, when so many have been started by `start`. */
const memoryOfOne = (start: (session: Session) => Promise<unknown>) =>
  async function* points(server: Server): AsyncGenerator<Point> {
    const session = await Session.open(server)
    await rate(IN_FLIGHT * 2, IN_FLIGHT, () => start(session))
    const before = await settledMemory(server.pid)
    let count = 0
    for (const wanted of [100, 300, 1000]) {
      await rate(wanted - count, IN_FLIGHT, () => start(session))
      count = wanted
      yield { x: count, values: [await kibibytesOfOne(server, before, count)] }
    }
    await session.close()
  }

async function* starts(server: Server): AsyncGenerator<Point> {
  const session = await Session.open(server)
  await rate(IN_FLIGHT * 2, IN_FLIGHT, () => session.run(QUICK))
  let running = 0
  for (const wanted of [0, 100, 1000]) {
    await rate(wanted - running, IN_FLIGHT, () => session.start(SLEEP))
    running = wanted
    yield { x: running, values: [await rate(STARTS, IN_FLIGHT, () => session.run(QUICK))] }
  }
  await session.close()
}

async function* floods(server: Server): AsyncGenerator<Point> {
  const session = await Session.open(server)
  for (const count of [1, 10, 100]) {
    const argv = ['head', '-c', String(Math.ceil(FLOOD_BYTES / count)), '/dev/zero']
    let ms = 0
    const wait = await whileAnotherAsks(server, async () => {
      // All at once, and not while the others are still being started.
      const held = await Promise.all(Array.from({ length: count }, () => session.hold(argv)))
      ms = await timed(() => Promise.all(held.map((run) => run())))
    })
    yield { x: count, values: [FLOOD_BYTES / 1e3 / ms, wait] }
  }
  await session.close()
}

const MANY = ['--max-processes', '2000']

export const processCurves: readonly Curve[] = [
  {
    name: 'running-memory',
    x: 'running processes',
    series: [{ label: 'memory of one', unit: 'KiB', kind: 'each' }],
    arguments: MANY,
    points: memoryOfOne((session) => session.start(SLEEP)),
  },
  {
    name: 'ended-memory',
    x: 'ended processes',
    series: [{ label: 'memory of one', unit: 'KiB', kind: 'each' }],
    arguments: MANY,
    points: memoryOfOne((session) => session.run(QUICK)),
  },
  {
    name: 'starts',
    x: 'processes that run meanwhile',
    series: [{ label: 'starts', unit: '1/s', kind: 'rate' }],
    arguments: MANY,
    points: starts,
  },
  {
    name: 'floods',
    x: 'processes that flood',
    series: [
      { label: 'output of all', unit: 'MB/s', kind: 'rate' },
      { label: 'p99 of another client', unit: 'ms', kind: 'others' },
    ],
    points: floods,
  },
]
