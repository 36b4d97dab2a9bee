import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Child, ChildEvents } from '../../../src/core/base/host.ts'
import { startRecorded } from '../../../src/host/recording/recorded-terminal.ts'
import { openRecordings, recordingsBounds } from '../../../src/host/recording/recordings.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const spec = {
  argv: ['x'],
  cwd: '/',
  env: new Map(),
  stdin: 'terminal' as const,
  terminalSize: { rows: 2, columns: 3 },
}

async function setup() {
  const folder = join(temporaryFolder(), 'recordings')
  const recordings = openRecordings(folder, { quota: 1024 * 1024, behind: 4096, caughtUp: 1024 })
  const calls: string[] = []
  const child: Child = {
    pid: 7,
    write: () => calls.push('write'),
    stdinQueued: () => 0,
    stdinOpen: () => true,
    resize: ({ rows, columns }) => calls.push(`resize ${columns}x${rows}`),
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    signal: () => {},
    terminate: () => {},
    kill: () => {},
    abandon: () => {},
    forget: () => {},
  }
  const received: string[] = []
  const own: ChildEvents = {
    output: (stream, bytes) => received.push(`${stream} ${bytes.length}`),
    exited: (code) => received.push(`exited ${code}`),
    ended: () => received.push('ended'),
    stdinMoved: () => received.push('moved'),
  }
  let events: ChildEvents | undefined
  const recorded = await startRecorded(spec, own, recordings, async (given) => {
    events = given
    return child
  })
  const text = (): string =>
    readFileSync(join(folder, readdirSync(folder).find((name) => name !== 'lock') ?? ''), 'utf8')
  return { recorded, events: events as ChildEvents, calls, received, recordings, text }
}

test('all goes through as without a recording, and output and resizes are recorded, input is not', async () => {
  const { recorded, events, calls, received, recordings, text } = await setup()
  assert.is(recorded.pid, 7)
  events.output('pty', Buffer.from('out'))
  recorded.write(Buffer.from('secret'))
  recorded.resize?.({ rows: 5, columns: 6 })
  events.stdinMoved()
  events.exited(3)
  events.ended()
  await recordings.settled()
  assert.equal(received, ['pty 3', 'moved', 'exited 3', 'ended'])
  assert.equal(calls, ['write', 'resize 6x5'])
  const [header, ...lines] = text()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
  assert.equal([(header as { width: number }).width, (header as { height: number }).height], [3, 2])
  assert.equal(
    lines.map((line) => (line as unknown[]).slice(1)),
    [
      ['o', 'out'],
      ['r', '6x5'],
    ],
  )
})

test('while the disk is behind the terminal is held back, and goes on unless its client holds it, too', async () => {
  for (const isClientBehind of [false, true]) {
    const { recorded, events, calls, recordings } = await setup()
    for (let index = 0; index < 8; index++) events.output('pty', Buffer.alloc(1024, 65))
    assert.ok(calls.includes('pause'))
    if (isClientBehind) recorded.pause()
    else recorded.resume()
    assert.not.ok(calls.includes('resume'))
    await recordings.settled()
    assert.is(calls.includes('resume'), !isClientBehind)
    recorded.resume()
    assert.ok(calls.includes('resume'))
    events.ended()
    await recordings.settled()
  }
})

test('a start that fails is not recorded', async () => {
  const folder = join(temporaryFolder(), 'recordings')
  const recordings = openRecordings(folder, recordingsBounds(1024 * 1024))
  const events = { output() {}, exited() {}, ended() {}, stdinMoved() {} }
  try {
    await startRecorded(spec, events, recordings, () => Promise.reject(new Error('no')))
    assert.unreachable()
  } catch (error) {
    assert.is((error as Error).message, 'no')
  }
  await recordings.settled()
  assert.equal(readdirSync(folder), ['lock'])
})

test.run()
