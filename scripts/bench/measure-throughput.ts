/** Bytes: what processes write, and files. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onServer, PLAIN } from './measure.ts'
import type { Goal, Measure, Row } from './measure.ts'
import { cpuSeconds } from './proc.ts'
import type { Server } from './servers.ts'
import type { Session } from './session.ts'
import { eachTimed, median, timed } from './statistics.ts'
import { temporaryFolder } from './temporary-folder.ts'

const STDOUT_BYTES = 256 * 1024 * 1024
const LINE = `${'x'.repeat(79)}\n`
const LINES = 200_000
const FILE_BYTES = 8 * 1024 * 1024
const FILE_RUNS = 5

type Output = { argv: readonly string[]; tty: boolean; bytes: number }

/**
 * MB a second of a server's first flood, during which the runtimes compile, then of the next one, and the server's CPU
 * seconds for a GB of that.
 */
async function throughput(session: Session, server: Server, output: Output): Promise<readonly number[]> {
  const first = await rate(session, server, output)
  const cpuBefore = cpuSeconds(server.pid)
  const next = await rate(session, server, output)
  const cpu = cpuSeconds(server.pid) - cpuBefore
  return [first, next, cpu / (output.bytes / 1e9)]
}

async function rate(session: Session, server: Server, { argv, tty, bytes }: Output): Promise<number> {
  const before = session.outputBytes
  const ms = await timed(() => session.run(argv, tty))
  // In base64, so more in any case.
  if (session.outputBytes - before < bytes) throw new Error(`${server.subject.name} has lost output`)
  return bytes / 1e3 / ms
}

const throughputRows = (what: string, ratioMin: number, cpuGoal: { goal?: Goal }): Row[] => [
  { label: `${what} throughput, first flood`, unit: 'MB/s' },
  { label: `${what} throughput`, unit: 'MB/s', goal: { ratioMin } },
  { label: `${what}, CPU of the server`, unit: 's/GB', ...cpuGoal },
]

const stdout = onServer(
  'stdout',
  throughputRows('stdout', 2, { goal: { ratioMax: 0.35 } }),
  (session, server) =>
    throughput(session, server, {
      argv: ['head', '-c', String(STDOUT_BYTES), '/dev/zero'],
      tty: false,
      bytes: STDOUT_BYTES,
    }),
  PLAIN,
)

const terminal = onServer(
  'terminal-output',
  throughputRows('terminal', 1.3, {}),
  (session, server) => {
    const path = join(temporaryFolder(), 'lines')
    writeFileSync(path, LINE.repeat(LINES))
    // A terminal puts a carriage return before each end of line.
    return throughput(session, server, { argv: ['cat', path], tty: true, bytes: LINES * (LINE.length + 1) })
  },
  PLAIN,
)

async function filesReadAndWritten(session: Session): Promise<readonly number[]> {
  const file = join(temporaryFolder(), 'file')
  const path = session.subject.path(file)
  const data = Buffer.alloc(FILE_BYTES, 'file')
  writeFileSync(file, data)
  const reads = await eachTimed(FILE_RUNS, () => session.ask('fs/readFile', { path }))
  const params = { path, dataBase64: data.toString('base64') }
  const writes = Array.from({ length: FILE_RUNS }, () => session.prepare('fs/writeFile', params))
  const writeTimes = await eachTimed(FILE_RUNS, () => {
    const { id, frame } = writes.shift() as { id: number; frame: Buffer }
    return session.send(id, frame)
  })
  return [median(reads), median(writeTimes)]
}

const files = onServer(
  'files',
  [
    { label: 'read of an 8 MiB file', unit: 'ms', goal: { ratioMax: 0.5 } },
    { label: 'write of an 8 MiB file', unit: 'ms', goal: { ratioMax: 0.7 } },
  ],
  filesReadAndWritten,
  PLAIN,
)

export const throughputMeasures: readonly Measure[] = [stdout, terminal, files]
