/** process/snapshot, wait, logs, remove and subscribe, and `detached` of process/start, on a fake host. */
import { Buffer } from 'node:buffer'
import * as assert from 'uvu/assert'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

async function setup(limits: object = {}) {
  const fake = fakeServer(limits)
  const [client, other] = [await MemoryClient.ready(fake.server), await MemoryClient.ready(fake.server)]
  const { clock, host } = fake
  const write = (text: string, stream: 'stdout' | 'stderr' | 'pty' = 'stdout'): void => {
    host.child.output(stream, text)
    clock.turn()
  }
  return { ...fake, client, other, write }
}

const textOf = (base64: string): string => Buffer.from(base64, 'base64').toString()
const logText = ({ entries }: { entries: { chunk: string }[] }): string =>
  entries.map(({ chunk }) => textOf(chunk)).join('')

test('a snapshot shows both streams, who runs what, and how it is', async () => {
  const { client, other, host, write } = await setup()
  await client.start('p', { argv: ['a', 'b'], cwd: '/x' })
  write('out')
  write('err', 'stderr')
  const own = (await client.ask('process/snapshot', { processId: 'p' })).result
  assert.equal(
    [textOf(own.stdout.head), own.stdout.tail, own.stdout.totalBytes, own.stdout.truncated, textOf(own.stderr.head)],
    ['out', '', 3, false, 'err'],
  )
  assert.equal([own.terminal, own.screen, own.running, own.exitCode, own.nextSeq], [null, null, true, null, 3])
  assert.equal([own.argv, own.cwd, own.tty, own.run], [['a', 'b'], '/x', false, 1])
  host.child.exit(3)
  host.child.end()
  const later = (await other.ask('process/snapshot', { run: 1, maxBytes: 2 })).result
  assert.equal([later.running, later.exitCode, later.state], [false, 3, 'closed'])
  assert.ok(later.exitedAtMs >= later.startedAtMs)
  assert.equal([textOf(later.stdout.tail), later.stdout.droppedBytes, later.stdout.truncated], ['ut', 1, true])
})

test('a snapshot of a terminal has its screen, drawn up to the number that it names', async () => {
  const { client, host, write } = await setup()
  await client.start('t', { tty: true, terminalSize: { rows: 5, columns: 9 } })
  assert.is(host.screens.length, 0, 'none before it is asked for')
  write('hello', 'pty')
  await client.ask('process/resize', { processId: 't', rows: 6, columns: 10 })
  write(' again', 'pty')
  const { screen, terminal, nextSeq } = (await client.ask('process/snapshot', { processId: 't' })).result
  assert.equal([screen.lines, screen.rows, screen.columns, screen.complete], [['hello again'], 6, 10, true])
  assert.equal([textOf(terminal.head), nextSeq], ['hello again', 3])
  host.child.exit(0)
  host.child.end()
  await settled()
  assert.equal(
    host.screens.map(({ isOpen }) => isOpen),
    [false],
    'an emulator is not kept for what is over',
  )
  const last = (await client.ask('process/snapshot', { processId: 't' })).result
  assert.equal([last.screen.lines, host.screens.length], [['hello again'], 1])
})

test('a wait is answered at the exit, or at the close, or when its time is up', async () => {
  const { client, other, host, clock } = await setup()
  await client.start('p')
  const [exit, close] = [
    other.begin('process/wait', { run: 1 }),
    client.begin('process/wait', { processId: 'p', until: 'close' }),
  ]
  const short = client.begin('process/wait', { processId: 'p', timeoutMs: 100 })
  await settled()
  clock.advance(100)
  await settled()
  const running = { exited: false, closed: false, exitCode: null, sandboxDenied: false }
  assert.equal(
    [other.answer(exit), client.answer(close), client.answer(short)?.result],
    [undefined, undefined, running],
  )
  host.child.exit(7)
  clock.advance(1)
  await settled()
  assert.equal(other.answer(exit)?.result, { ...running, exited: true, exitCode: 7 })
  assert.is(client.answer(close), undefined)
  host.child.end()
  await settled()
  assert.equal(client.answer(close)?.result, { exited: true, closed: true, exitCode: 7, sandboxDenied: false })
})

test('what names no process, or two, is refused', async () => {
  const { client } = await setup()
  for (const method of ['process/snapshot', 'process/wait', 'process/logs', 'process/remove']) {
    for (const params of [{}, { processId: 'p', run: 1 }, { run: '1x' }, { run: -1 }])
      assert.is(
        (await client.ask(method, params)).error?.code,
        ErrorCode.InvalidParams,
        JSON.stringify([method, params]),
      )
    for (const params of [{ processId: 'p' }, { run: 9 }, { run: 'nightly' }])
      assert.is(
        (await client.ask(method, params)).error?.code,
        ErrorCode.InvalidRequest,
        JSON.stringify([method, params]),
      )
  }
})

test('a detached run outlives its session, is found by its name, and ends with the server', async () => {
  const { client, other, host, clock, server, write } = await setup()
  const { result } = await client.start('p', { detached: { name: 'nightly' } })
  assert.equal(result, { processId: 'p', sandboxType: 'none', run: 1 })
  const { child } = host
  client.drop()
  clock.advance(10 * 80_000)
  assert.is(child.kills, 0)
  write('still here')
  const { name, detached, attached, state } = (await other.ask('process/list')).result.processes[0]
  assert.equal([name, detached, attached, state], ['nightly', true, true, 'running'])
  assert.is(logText((await other.ask('process/logs', { run: 'nightly' })).result), 'still here')
  assert.equal((await other.ask('process/attach', { run: 'nightly', processId: 'a' })).result.state, 'running')
  await other.ask('process/signal', { processId: 'a', signal: 'interrupt' })
  assert.equal(child.signals, ['interrupt'])
  server.shutdown()
  assert.is(child.kills, 1)
})

test('the session that starts a detached run can use it under its own id', async () => {
  const { client, host, write } = await setup()
  await client.start('p', { detached: {}, pipeStdin: true })
  assert.equal((await client.ask('process/write', { processId: 'p', chunk: 'aGk=' })).result, { status: 'accepted' })
  assert.is(host.child.input, 'hi')
  write('x')
  assert.is((await client.ask('process/read', { processId: 'p' })).result.chunks.length, 1)
  assert.equal(client.events('p'), [], 'it is read, not listened to')
  assert.match((await client.start('p')).error?.message ?? '', /already exists/)
})

test('a name is taken until its run is removed, which is not before it has ended', async () => {
  const { client, host } = await setup()
  await client.start('p', { detached: { name: 'one' } })
  assert.match(
    (await client.start('q', { detached: { name: 'one' } })).error?.message ?? '',
    /there is a run one already/,
  )
  assert.is(host.children.length, 1)
  assert.match((await client.ask('process/remove', { run: 'one' })).error?.message ?? '', /has not ended/)
  host.child.exit(0)
  host.child.end()
  assert.equal((await client.ask('process/remove', { run: 'one' })).result, {})
  assert.equal((await client.ask('process/list')).result.processes, [])
  assert.is((await client.start('q', { detached: { name: 'one' } })).result.run, 2)
  await client.start('own')
  assert.match((await client.ask('process/remove', { processId: 'own' })).error?.message ?? '', /belongs to a client/)
  assert.is((await client.start('r', { detached: { name: '1' } })).error?.code, ErrorCode.InvalidParams)
})

test('ended runs are kept by count and by age', async () => {
  const { client, host, clock } = await setup({ endedRuns: 2, endedRunMs: 1000 })
  for (const name of ['a', 'b', 'c']) {
    await client.start(name, { detached: { name } })
    host.child.exit(0)
    host.child.end()
  }
  const names = async (): Promise<string[]> =>
    (await client.ask('process/list')).result.processes.map(({ name }: { name: string }) => name)
  assert.equal(await names(), ['b', 'c'])
  clock.advance(1000)
  assert.equal(await names(), [])
})

test('logs are read from any position, keep the beginning, and say how much is missing', async () => {
  const { client, host, write } = await setup({ retainedPerProcess: 80, retainedEdge: 1 / 8 })
  await client.start('p', { detached: {} })
  for (let line = 1; line <= 30; line++) write(`line ${String(line).padStart(4)}\n`)
  const { result } = await client.ask('process/logs', { processId: 'p' })
  assert.is(logText(result).slice(0, 10), 'line    1\n')
  assert.ok(logText(result).endsWith('line   30\n'))
  assert.equal([result.position, result.droppedBytes + logText(result).length, result.ended], [300, 300, false])
  const rest = (await client.ask('process/logs', { processId: 'p', position: 295 })).result
  assert.equal([logText(rest), rest.droppedBytes], ['  30\n', 0])
  const last = (await client.ask('process/logs', { processId: 'p', lastBytes: 10 })).result
  assert.is(logText(last), 'line   30\n')
  const waiting = client.begin('process/logs', { processId: 'p', position: 300, waitMs: 1000 })
  await settled()
  assert.is(client.answer(waiting), undefined)
  write('more')
  await settled()
  assert.is(logText(client.answer(waiting)?.result), 'more')
  host.child.exit(0)
  host.child.end()
  assert.equal((await client.ask('process/logs', { processId: 'p', position: 304 })).result, {
    entries: [],
    position: 304,
    droppedBytes: 0,
    ended: true,
  })
})

test('a subscriber gets an event for every run; one that missed events gets a request to list again', async () => {
  const { client, other, host, clock } = await setup({ runChanges: 3, outboundOutput: 1 })
  assert.equal((await other.ask('process/subscribe')).result, { processes: [] })
  const heard = (): unknown[] =>
    other.received.flatMap((message) => {
      if (!('method' in message)) return []
      const { process, removed, message: text } = message.params as any
      return [[message.method, process && `${process.processId} ${process.state}`, removed ?? text]]
    })
  await client.start('p')
  host.child.exit(1)
  clock.advance(1)
  host.child.end()
  host.spawnError = new Error('no such program')
  await client.start('q')
  await settled()
  assert.equal(heard(), [
    ['process/started', 'p running', undefined],
    ['process/listChanged', 'p exited', undefined],
    ['process/listChanged', 'p closed', undefined],
    ['process/failed', 'q starting', 'no such program'],
  ])
  clock.advance(80_000)
  await settled()
  assert.equal(heard().at(-1), ['process/listChanged', 'p closed', true])
  host.spawnError = undefined
  other.transport.slow = true
  const before = heard().length
  // Fills the queue, so that the changes wait.
  await other.ask('environment/info')
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await client.start(id)
  await other.drain()
  assert.equal(heard().slice(before), [
    ['process/listChanged', null, undefined],
    ['process/started', 'e running', undefined],
    ['process/started', 'f running', undefined],
  ])
})

test('where a sandbox is required, no client hears of the processes of others', async () => {
  const { client, host } = await setup()
  host.requiresSandbox = true
  for (const [method, params] of [
    ['process/subscribe', null],
    ['process/snapshot', { run: 1 }],
    ['process/logs', { run: 1 }],
    ['process/start', { processId: 'p', argv: ['x'], cwd: '/', env: {}, tty: false, detached: {} }],
  ] as const)
    assert.match((await client.ask(method, params)).error?.message ?? '', /--require-sandbox/, method)
  assert.equal((await client.ask('process/list')).error?.code, ErrorCode.InvalidRequest)
})

test.run()
