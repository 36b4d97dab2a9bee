import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openRecordings, recordingsBounds } from '../../../src/host/recording/recordings.ts'
import type { Recordings } from '../../../src/host/recording/recordings.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const MiB = 1024 * 1024
const size = { rows: 24, columns: 80 }
const recorded = { argv: ['x'], size, startedAtMs: 0 }

type Line = [number, string, string]

const casts = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.cast'))
    .sort()
const events = (folder: string, name = casts(folder)[0] as string): Line[] =>
  readFileSync(join(folder, name), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as Line)
const outputOf = (lines: Line[]): string => lines.flatMap(([, kind, data]) => (kind === 'o' ? [data] : [])).join('')
const bytesIn = (folder: string): number =>
  casts(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)

function setup(quota = MiB): { folder: string; recordings: Recordings; stopped: string[] } {
  const folder = join(temporaryFolder(), 'recordings')
  const recordings = openRecordings(folder, recordingsBounds(quota))
  const stopped: string[] = []
  recordings.onStopped((_, reason) => stopped.push(reason))
  return { folder, recordings, stopped }
}

test('directory and files are for their user only', async () => {
  const { folder, recordings } = setup()
  const recording = recordings.begin(recorded, () => {})
  recording.end()
  await recording.settled
  assert.is(statSync(folder).mode & 0o777, 0o700)
  assert.is(statSync(join(folder, casts(folder)[0] as string)).mode & 0o777, 0o600)
})

test('a directory that others can read or write is refused', () => {
  for (const mode of [0o750, 0o702, 0o770]) {
    const folder = join(temporaryFolder(), 'recordings')
    mkdirSync(folder)
    chmodSync(folder, mode)
    assert.throws(() => openRecordings(folder, recordingsBounds(MiB)), /chmod g/)
  }
})

test('output and resizes come in their order, and time does not go back', async () => {
  const { folder, recordings } = setup()
  const recording = recordings.begin(recorded, () => {})
  recording.output(Buffer.from('a'))
  recording.resized({ rows: 3, columns: 4 })
  recording.output(Buffer.from('b'))
  recording.end()
  await recording.settled
  const lines = events(folder)
  assert.equal(
    lines.map(([, ...rest]) => rest),
    [
      ['o', 'a'],
      ['r', '4x3'],
      ['o', 'b'],
    ],
  )
  assert.ok(lines.every(([at], index) => at >= (lines[index - 1]?.[0] ?? 0)))
})

test('a character that is cut in the middle comes whole, and bytes that are no UTF-8 are replaced', async () => {
  const { folder, recordings } = setup()
  const recording = recordings.begin(recorded, () => {})
  const bytes = Buffer.from('\ufeffä€😀|')
  for (const byte of bytes) recording.output(Uint8Array.of(byte))
  recording.output(Uint8Array.of(0xff, 0x41, 0xe2, 0x82))
  recording.end()
  await recording.settled
  assert.is(outputOf(events(folder)), '\ufeffä€😀|\ufffdA\ufffd')
})

test('beyond the quota the oldest ended recordings go first', async () => {
  const { folder, recordings, stopped } = setup()
  for (let index = 0; index < 5; index++) {
    const recording = recordings.begin({ ...recorded, startedAtMs: index }, () => {})
    recording.output(Buffer.alloc(300 * 1024, 65 + index))
    recording.end()
    await recording.settled
  }
  await recordings.settled()
  assert.equal(
    casts(folder).map((name) => outputOf(events(folder, name))[0]),
    ['C', 'D', 'E'],
  )
  assert.ok(bytesIn(folder) <= MiB)
  assert.equal(stopped, [])
})

test('a running recording stops with a mark when nothing else can go', async () => {
  const { folder, recordings, stopped } = setup()
  const recording = recordings.begin(recorded, () => {})
  for (let index = 0; index < 12; index++) {
    recording.output(Buffer.alloc(100 * 1024, 65))
    await recording.settled
  }
  recording.end()
  await recording.settled
  const lines = events(folder)
  const reason = 'the directory is full (--log-mib)'
  assert.equal(lines.at(-1)?.slice(1), ['m', `recording stopped: ${reason}`])
  assert.equal([outputOf(lines).length, stopped], [10 * 100 * 1024, [reason]])
  assert.ok(bytesIn(folder) <= MiB)
})

test('recordings of earlier servers count, and other files and links are left alone', async () => {
  const { folder, recordings: earlier } = setup()
  const recording = earlier.begin(recorded, () => {})
  recording.output(Buffer.alloc(900 * 1024, 65))
  recording.end()
  await recording.settled
  const outside = join(temporaryFolder(), 'file')
  writeFileSync(outside, 'x')
  symlinkSync(outside, join(folder, '0-link.cast'))
  writeFileSync(join(folder, 'notes'), 'x')
  const recordings = openRecordings(folder, recordingsBounds(MiB))
  const next = recordings.begin({ ...recorded, startedAtMs: 1 }, () => {})
  next.output(Buffer.alloc(500 * 1024, 66))
  next.end()
  await next.settled
  await recordings.settled()
  assert.equal(
    readdirSync(folder)
      .sort()
      .map((name) => name.replace(/^\d+T.*cast$/, 'CAST')),
    ['0-link.cast', 'CAST', 'lock', 'notes'],
  )
  assert.is(readFileSync(outside, 'utf8'), 'x')
})

test('where nothing can be written the recording is given up with the reason, and the terminal is not held', async () => {
  const { folder, recordings, stopped } = setup(64 * MiB)
  rmSync(folder, { recursive: true })
  let caughtUp = 0
  const recording = recordings.begin(recorded, () => caughtUp++)
  for (let index = 0; index < 100; index++) recording.output(Buffer.alloc(64 * 1024, 65))
  assert.is(recording.isBehind, true)
  await recording.settled
  recording.output(Buffer.alloc(8 * MiB, 65))
  assert.equal([recording.isBehind, caughtUp, stopped], [false, 1, ['No such file or directory (os error 2)']])
  recording.end()
  await recording.settled
})

test.run()
