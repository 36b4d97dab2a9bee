/** Start-up, and requests that are answered at once. */
import { statSync } from 'node:fs'
import { onServer } from './measure.ts'
import type { Measure } from './measure.ts'
import { startServer } from './servers.ts'
import type { Session } from './session.ts'
import { eachTimed, median, rate } from './statistics.ts'

const STARTS = 5
const WARM_UP = 500
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
  rows: [{ label: 'start-up to URL', unit: 'ms', target: { ratioMax: 3 } }],
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

async function roundTrip(session: Session, method: string, params: object): Promise<number[]> {
  const ask = (): Promise<string> => session.ask(method, params)
  await eachTimed(WARM_UP, ask)
  const sequential = median(await eachTimed(REQUESTS, ask)) * 1000
  return [sequential, await rate(MANY_REQUESTS, IN_FLIGHT, ask)]
}

const requestRows = (method: string) => [
  { label: `round trip, ${method}`, unit: 'µs', target: { ratioMax: 1.1 } },
  { label: `${IN_FLIGHT} in flight, ${method}`, unit: '1/s' },
]

const metadata = onServer('metadata', requestRows('fs/getMetadata'), (session) =>
  roundTrip(session, 'fs/getMetadata', { path: session.subject.path('/') }),
)

const status = onServer('status', requestRows('environment/status'), (session) =>
  roundTrip(session, 'environment/status', {}),
)

export const requestMeasures: readonly Measure[] = [executable, startup, metadata, status]
