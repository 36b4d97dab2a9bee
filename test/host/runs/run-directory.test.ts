import { chmodSync, mkdirSync, readdirSync, truncateSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { LogRange } from '../../../src/core/base/run-store.ts'
import type { ListedProcess } from '../../../src/protocol/schemas/process.ts'
import { directoryBounds, openRunDirectory } from '../../../src/host/runs/run-directory.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { test } from '../../support/suite.ts'

const KiB = 1024
const range: LogRange = { position: 0, lastBytes: undefined, sinceMs: 0, maxBytes: 1e9 }
const run = (number: number, more: Partial<ListedProcess> = {}): ListedProcess => ({
  run: number,
  name: `run-${number}`,
  detached: true,
  processId: 'p',
  client: 'c',
  session: '',
  attached: true,
  argv: ['x'],
  cwd: '/',
  tty: false,
  pid: 1,
  state: 'running',
  exitCode: null,
  startedAtMs: 5,
  exitedAtMs: null,
  ...more,
})

async function opened(path: string, quota = 64 * KiB * KiB) {
  const faults: unknown[] = []
  const store = await openRunDirectory(path, directoryBounds(quota))
  store.onFault((fault) => faults.push(fault))
  const text = async (number: number, more: Partial<LogRange> = {}): Promise<string> => {
    const part = await store.read(number, { ...range, ...more })
    return (part?.entries ?? []).map(({ bytes }) => new TextDecoder().decode(bytes)).join('')
  }
  const writer = (number: number) => {
    const writer = store.create(run(number), () => {})
    let position = 0
    const write = (text: string, atMs = 0): void => {
      const bytes = new TextEncoder().encode(text)
      writer.write({ seq: 1, stream: 'stdout', bytes, atMs, position })
      position += bytes.length
    }
    return { write, writer }
  }
  return { store, faults, text, writer }
}

test('what a run writes is there for the next server, with its exit code, also if the last write was cut off', async () => {
  const path = join(temporaryFolder(), 'runs')
  const first = await opened(path)
  const { write, writer } = first.writer(3)
  write('one\n', 100)
  write('two\n', 200)
  assert.is(await first.text(3), 'one\ntwo\n')
  assert.is(await first.text(3, { position: 4 }), 'two\n')
  assert.is(await first.text(3, { lastBytes: 2 }), 'o\n')
  assert.is(await first.text(3, { sinceMs: 150 }), 'two\n')
  writer.end(run(3, { state: 'closed', exitCode: 7, exitedAtMs: 9 }))
  await first.store.flush()
  const killed = first.writer(4)
  killed.write('kept')
  killed.write(' cut off')
  assert.is(await first.text(4), 'kept cut off')
  const [segment = ''] = readdirSync(join(path, '4')).filter((name) => name.endsWith('.log'))
  truncateSync(join(path, '4', segment), statSync(join(path, '4', segment)).size - 1)
  const next = await opened(path)
  assert.equal(
    next.store.earlier.map(({ run, name, state, exitCode, pid }) => [run, name, state, exitCode, pid]),
    [
      [3, 'run-3', 'closed', 7, null],
      [4, 'run-4', 'closed', null, null],
    ],
  )
  assert.is(await next.text(3), 'one\ntwo\n')
  assert.match(await next.text(4), /^kept/)
  next.store.remove(3)
  assert.is(await next.store.read(3, range), undefined)
  assert.equal(next.faults, [])
})

test('within the quota nothing is dropped; beyond it ended runs go first, then the middle of those that run', async () => {
  const path = join(temporaryFolder(), 'runs')
  const { store, text, writer, faults } = await opened(path, 64 * KiB)
  const [ended, running] = [writer(1), writer(2)]
  const block = 'x'.repeat(4 * KiB)
  for (let count = 0; count < 5; count++) ended.write(block)
  assert.is((await text(1)).length, 20 * KiB)
  ended.writer.end(run(1, { state: 'closed', exitCode: 0 }))
  running.write('FIRST')
  for (let count = 0; count < 10; count++) {
    running.write(block)
    await text(2)
  }
  assert.is((await text(2)).length, 40 * KiB + 5)
  for (let count = 0; count < 25; count++) {
    running.write(block)
    await text(2)
  }
  running.write('LAST')
  const part = await store.read(2, range)
  const all = await text(2)
  assert.ok(all.startsWith('FIRST') && all.endsWith('LAST'))
  assert.is(all.length + (part?.droppedBytes ?? 0), 140 * KiB + 9)
  assert.ok(all.length > 40 * KiB && all.length <= 64 * KiB, `${all.length}`)
  assert.is(await text(1), '')
  assert.equal(faults, [])
})

test('a flush waits until output and end of every run are in the files', async () => {
  const path = join(temporaryFolder(), 'runs')
  const first = await opened(path)
  for (const number of [1, 2]) {
    const { write, writer } = first.writer(number)
    write('output')
    writer.end(run(number, { state: 'closed', exitCode: number }))
  }
  await first.store.flush()
  const second = await opened(path)
  assert.equal(
    second.store.earlier.map(({ exitCode }) => exitCode),
    [1, 2],
  )
  assert.is(await second.text(2), 'output')
})

test('a part of a log is read at a time, and each goes on where the last ended', async () => {
  const { store, writer } = await opened(join(temporaryFolder(), 'runs'), 256 * KiB)
  const { write } = writer(1)
  for (let count = 0; count < 100; count++) write(`${String(count).padStart(1023)}\n`)
  let [position, all] = [0, '']
  for (let parts = 0; ; parts++) {
    const part = await store.read(1, { ...range, position, maxBytes: 10 * KiB })
    if (part === undefined || part.entries.length === 0) break
    assert.ok(parts < 50 && part.droppedBytes === 0)
    for (const { bytes } of part.entries) all += new TextDecoder().decode(bytes)
    position = part.position
  }
  assert.is(all.length, 100 * KiB)
  assert.ok(all.endsWith('99\n'))
})

test('a disk that fails costs the output, which is reported, and not the run', async () => {
  const path = join(temporaryFolder(), 'runs')
  const { store, writer, faults } = await opened(path)
  mkdirSync(join(path, 'x'))
  const { write } = writer(1)
  mkdirSync(join(path, '1', `${'0'.repeat(16)}.log`))
  write('lost')
  assert.is(await store.read(1, range), undefined)
  assert.is(faults.length, 1)
})

test('a directory that others can write, and one in use, is refused', async () => {
  const path = join(temporaryFolder(), 'runs')
  mkdirSync(path)
  chmodSync(path, 0o777)
  let message = ''
  const open = (): Promise<unknown> =>
    openRunDirectory(path, directoryBounds(KiB)).catch((error: Error) => ({ message } = error))
  await open()
  assert.match(message, /others can write it/)
  chmodSync(path, 0o700)
  writeFileSync(join(path, 'lock'), '1')
  await open()
  assert.match(message, /server with process id 1 uses it/)
  // A server that was killed, whose number is free again.
  writeFileSync(join(path, 'lock'), '999999999')
  assert.equal((await openRunDirectory(path, directoryBounds(KiB))).earlier, [])
})

test.run()
