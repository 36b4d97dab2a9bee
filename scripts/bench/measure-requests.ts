/** Start-up, and requests that are answered at once. */
import { statSync } from 'node:fs'
import { onServer, PLAIN } from './measure.ts'
import type { Measure } from './measure.ts'
import { cpuSeconds } from './proc.ts'
import { startServer } from './servers.ts'
import type { Server } from './servers.ts'
import type { Session } from './session.ts'
import { eachTimed, median, rate } from './statistics.ts'

const STARTS = 3
/** The first ones of a server: they run interpreted code. */
const FIRST = 200
/** After so many more the runtime has compiled the code: with 500, half of what follows measures its compiler. */
const WARM_UP = 20_000
const REQUESTS = 2000
const MANY_REQUESTS = 10_000
const IN_FLIGHT = 32

const executable: Measure = {
  name: 'executable',
  rows: [{ label: 'size of the executable', unit: 'MB' }],
  run: async ({ program }) => [statSync(program).size / 1e6],
}

const startup: Measure = {
  name: 'startup',
  ...PLAIN,
  rows: [{ label: 'start-up to URL', unit: 'ms', goal: { ratioMax: 1.9 } }],
  run: async (subject) => {
    const times: number[] = []
    for (let index = 0; index < STARTS; index++) {
      const server = await startServer(subject)
      times.push(server.startupMs)
      await server.stop()
    }
    return [median(times)]
  },
}

async function roundTrip(session: Session, { pid }: Server, method: string, params: object): Promise<number[]> {
  const ask = (): Promise<string> => session.ask(method, params)
  const first = median(await eachTimed(FIRST, ask)) * 1000
  await rate(WARM_UP, IN_FLIGHT, ask)
  const sequential = median(await eachTimed(REQUESTS, ask)) * 1000
  const before = cpuSeconds(pid)
  const perSecond = await rate(MANY_REQUESTS, IN_FLIGHT, ask)
  return [first, sequential, perSecond, ((cpuSeconds(pid) - before) / MANY_REQUESTS) * 1e6]
}

const requestRows = (method: string) => [
  { label: `first round trips, ${method}`, unit: 'µs' },
  { label: `round trip, ${method}`, unit: 'µs', goal: { ratioMax: 0.85 } },
  { label: `${IN_FLIGHT} in flight, ${method}`, unit: '1/s', goal: { ratioMin: 1.5 } },
  { label: `CPU of a request in flight, ${method}`, unit: 'µs', goal: { ratioMax: 1.2 } },
]

const metadata = onServer(
  'metadata',
  requestRows('fs/getMetadata'),
  (session, server) => roundTrip(session, server, 'fs/getMetadata', { path: session.subject.path('/') }),
  PLAIN,
)

const status = onServer(
  'status',
  requestRows('environment/status'),
  (session, server) => roundTrip(session, server, 'environment/status', {}),
  PLAIN,
)

export const requestMeasures: readonly Measure[] = [executable, startup, metadata, status]
