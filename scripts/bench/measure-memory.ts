/** What the server holds: at rest, after work, with running processes and with idle connections. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onServer, PLAIN } from './measure.ts'
import type { Goal, Measure, Row } from './measure.ts'
import { settledMemory } from './proc.ts'
import type { Server } from './servers.ts'
import { Session, SMALL_READ_BYTES } from './session.ts'
import { rate } from './statistics.ts'
import { temporaryFolder } from './temporary-folder.ts'

const RUNNING = 300
const CONNECTIONS = 1000
const CONNECTING = 20

/** Enough for figures that hardly vary. Most of it is waiting for the servers to come to rest. */
const ONCE = { maxRuns: 1, together: true }

const memoryRows = (when: string, goal?: Goal): Row[] => [
  { label: `resident, ${when}`, unit: 'MiB' },
  { label: `anonymous, ${when}`, unit: 'MiB', ...(goal === undefined ? {} : { goal }) },
  { label: `proportional, ${when}`, unit: 'MiB' },
]

async function memoryFigures({ pid }: Server): Promise<readonly number[]> {
  const { resident, anonymous, proportional } = await settledMemory(pid)
  return [resident, anonymous, proportional]
}

/** Some of everything. */
async function load(session: Session): Promise<void> {
  const root = session.subject.path('/')
  await rate(5000, 32, () => session.ask('fs/getMetadata', { path: root }))
  await rate(200, 8, () => session.run(['/bin/true']))
  await rate(20, 4, () => session.run(['/bin/true'], true))
  await rate(4, 2, () => session.run(['head', '-c', String(64 * 1024 * 1024), '/dev/zero']))
  const file = join(temporaryFolder(), `file of ${session.subject.name}`)
  writeFileSync(file, Buffer.alloc(8 * 1024 * 1024))
  await rate(10, 2, () => session.ask('fs/readFile', { path: session.subject.path(file) }))
}

const work = onServer(
  'memory',
  [...memoryRows('idle', { ratioMax: 2 }), ...memoryRows('after work', { ratioMax: 2 })],
  async (session, server) => {
    const idle = await memoryFigures(server)
    await load(session)
    return [...idle, ...(await memoryFigures(server))]
  },
  { ...ONCE, ...PLAIN },
)

const running = onServer(
  'running',
  memoryRows(`${RUNNING} running`),
  async (session, server) => {
    const processIds: string[] = []
    await rate(RUNNING, 8, async () => processIds.push(await session.start(['sleep', '60'])))
    const figures = await memoryFigures(server)
    // The reference never answers when hundreds of these come at once.
    await rate(RUNNING, 8, () => session.ask('process/terminate', { processId: processIds.pop() }))
    return figures
  },
  ONCE,
)

const connections = onServer(
  'connections',
  [{ label: 'an idle connection', unit: 'KiB', goal: { oursMax: 100 } }],
  async (_, server) => {
    const [, before = 0] = await memoryFigures(server)
    const sessions: Session[] = []
    await rate(CONNECTIONS, CONNECTING, async () => sessions.push(await Session.open(server, SMALL_READ_BYTES)))
    const [, after = 0] = await memoryFigures(server)
    await Promise.all(sessions.map((session) => session.close()))
    return [((after - before) * 1024) / CONNECTIONS]
  },
  { ...ONCE, ...PLAIN },
)

export const memoryMeasures: readonly Measure[] = [work, running, connections]
