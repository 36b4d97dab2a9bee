/** Reads of retained output with many chunks, and of large directories. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Server } from '../servers.ts'
import { Session } from '../session.ts'
import { eachTimed, median } from '../statistics.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import type { Curve, Point } from './curve.ts'
import { whileAnotherAsks } from './probe.ts'

const READS = 50
/** Writes one line after the other, each in a turn of the event loop of its own. */
const LINES = '$| = 1; for (1 .. $ARGV[0]) { print "line\\n"; select(undef, undef, undef, 0.0005) }'

async function* chunks(server: Server): AsyncGenerator<Point> {
  const session = await Session.open(server)
  for (const count of [1, 10, 100, 1000, 10_000]) {
    const processId = await session.run(['perl', '-e', LINES, String(count)])
    const ask = (params: object) => () => session.ask('process/read', { processId, ...params })
    const last = median(await eachTimed(READS, ask({ afterSeq: count - 1 })))
    const all = median(await eachTimed(READS, ask({ afterSeq: 0 })))
    yield { x: count, values: [last, all] }
  }
  await session.close()
}

const ENTRIES = [100, 1000, 10_000, 100_000, 1_000_000]

/** As many as fs/walk visits by default. */
const WALK_ENTRIES = [100, 1000, 10_000, 50_000]

async function* directories(server: Server): AsyncGenerator<Point> {
  const session = await Session.open(server)
  const folder = join(temporaryFolder(), 'entries')
  mkdirSync(folder)
  let made = 0
  for (const count of ENTRIES) {
    for (; made < count; made++) writeFileSync(join(folder, `file-${made}`), '')
    let times: number[] = []
    const wait = await whileAnotherAsks(server, async () => {
      const path = session.subject.path(folder)
      times = await eachTimed(count > 10_000 ? 3 : 9, () => session.ask('fs/readDirectory', { path }))
    })
    yield { x: count, values: [median(times), wait] }
  }
  await session.close()
  rmSync(folder, { recursive: true })
}

async function* walks(server: Server): AsyncGenerator<Point> {
  const session = await Session.open(server)
  const folder = join(temporaryFolder(), 'tree')
  let made = 0
  for (const count of WALK_ENTRIES) {
    for (; made < count; made++) {
      const directory = join(folder, String(Math.floor(made / 100)))
      if (made % 100 === 0) mkdirSync(directory, { recursive: true })
      else writeFileSync(join(directory, `file-${made}`), '')
    }
    const path = session.subject.path(folder)
    const options = { maxDepth: 64, maxDirectories: 10_000, maxEntries: 50_000, followDirectorySymlinks: false }
    let times: number[] = []
    const wait = await whileAnotherAsks(server, async () => {
      times = await eachTimed(count > 10_000 ? 3 : 9, () => session.ask('fs/walk', { path, options }))
    })
    yield { x: count, values: [median(times), wait] }
  }
  await session.close()
  rmSync(folder, { recursive: true })
}

const others = { label: 'p99 of another client', unit: 'ms', kind: 'others' } as const

export const readCurves: readonly Curve[] = [
  {
    name: 'process-read',
    x: 'chunks retained',
    series: [
      { label: 'read of the last one', unit: 'ms', kind: 'each' },
      { label: 'read of all', unit: 'ms', kind: 'time' },
    ],
    points: chunks,
  },
  {
    name: 'directory',
    x: 'entries of a directory',
    series: [{ label: 'fs/readDirectory', unit: 'ms', kind: 'time' }, others],
    points: directories,
  },
  {
    name: 'walk',
    x: 'entries of a tree',
    series: [{ label: 'fs/walk', unit: 'ms', kind: 'time' }, others],
    points: walks,
  },
]
