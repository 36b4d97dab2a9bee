import * as assert from 'uvu/assert'
import type { SpawnSpec } from '../../../src/core/base/host.ts'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import type { EventSource } from '../../../src/core/base/outbound-scheduler.ts'
import { silentObserver } from '../../../src/core/base/observer.ts'
import { ProcessTable } from '../../../src/core/process/process-table.ts'
import { RetainedBudget } from '../../../src/core/output/retained-budget.ts'
import { ProcessRegistry } from '../../../src/core/process/process-registry.ts'
import { ErrorCode, internalError, RpcError } from '../../../src/protocol/wire/errors.ts'
import { FakeHost } from '../../support/fakes/fake-host.ts'
import { ManualClock, settled } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

const spec = (): SpawnSpec => ({ argv: ['fake'], cwd: '/', env: new Map(), stdin: 'pipe' })

function setup(changes: Partial<Limits> = {}, runs = new ProcessRegistry(10)) {
  const [host, clock, budget] = [new FakeHost(), new ManualClock(), new RetainedBudget(1e9)]
  const limits = { ...defaultLimits, ...changes }
  const owner = { id: 'session', isAttached: () => true }
  const table = new ProcessTable({
    host,
    clock,
    budget,
    limits,
    observer: silentObserver(),
    runs,
    owner,
  })
  const start = async (id: string, ready?: Promise<void>): Promise<void> => {
    const { announce } = await table.start(id, spec, {
      peer: { connection: 1, address: 'memory' },
      isSandboxed: false,
      ready,
    })
    announce()
  }
  return { host, clock, budget, table, start }
}

/** The code that a promise fails with; undefined if it does not fail. */
const codeOf = (promise: Promise<unknown>): Promise<number | undefined> =>
  promise.then(
    () => undefined,
    (error: unknown) => (error instanceof RpcError ? error.code : Number.NaN),
  )

test('of two starts under one id the first wins, though it has not finished', async () => {
  const { host, start } = setup()
  const release = host.holdSpawns()
  const [first, second] = [start('p'), start('p')]
  assert.is(await codeOf(second), ErrorCode.InvalidRequest)
  release()
  await first
  assert.is(host.children.length, 1)
  assert.is(await codeOf(start('p')), ErrorCode.InvalidRequest)
})

test('a start that fails frees its id and tells why', async () => {
  const { host, start, table, budget } = setup()
  host.spawnError = internalError('No such file or directory (os error 2)')
  const pending = start('p')
  const found = table.find('p')
  assert.is(await codeOf(pending), ErrorCode.Internal)
  assert.is(await found, undefined)
  host.spawnError = undefined
  await start('p')
  assert.is(host.children.length, 1)
  assert.is(budget.total, 0)
})

test('a process waits for what must be ready before it, under its id', async () => {
  const { host, start, table } = setup()
  const { promise, resolve } = Promise.withResolvers<void>()
  const pending = start('p', promise)
  await settled()
  assert.is(host.children.length, 0)
  assert.ok(table.isStarting('p'))
  assert.is(table.findStarted('p'), undefined)
  resolve()
  await pending
  assert.not(table.isStarting('p'))
  assert.is(table.findStarted('p'), await table.find('p'))
})

test('a process that is terminated before its turn to start never starts', async () => {
  const { host, start, table } = setup()
  const { promise, resolve } = Promise.withResolvers<void>()
  const pending = start('p', promise)
  assert.ok(table.terminate('p'))
  resolve()
  assert.is(await codeOf(pending), ErrorCode.InvalidRequest)
  assert.is(host.children.length, 0)
  assert.is(await codeOf(start('p')), undefined)
})

test('a process that is terminated while it starts is killed once it has', async () => {
  const { host, start, table } = setup()
  const release = host.holdSpawns()
  const pending = start('p')
  assert.ok(table.terminate('p'))
  release()
  await pending
  assert.is(host.child.kills, 1)
})

test('an unknown process cannot be terminated, nor one whose exit is known', async () => {
  const { host, start, table } = setup()
  assert.not(table.terminate('p'))
  await start('p')
  assert.ok(table.terminate('p'))
  assert.ok(table.terminate('p'))
  host.child.exit(137)
  assert.not(table.terminate('p'))
})

test('an ended process is there for exactly 80 seconds after its close, and then its id is free', async () => {
  const { host, clock, start, table } = setup()
  await start('p')
  clock.advance(1000)
  host.child.exit(0)
  host.child.end()
  clock.advance(79_999)
  assert.ok(table.findStarted('p'))
  assert.is(await codeOf(start('p')), ErrorCode.InvalidRequest)
  clock.advance(1)
  assert.is(table.findStarted('p'), undefined)
  assert.is(host.child.kills, 0)
  assert.ok(host.child.forgotten)
  assert.is(await codeOf(start('p')), undefined)
})

test('a process whose output is still held does not expire', async () => {
  const { host, clock, start, table } = setup()
  await start('p')
  host.child.exit(0)
  clock.advance(10_000_000)
  assert.ok(table.findStarted('p'))
  host.child.end()
  clock.advance(80_000)
  assert.is(table.findStarted('p'), undefined)
})

test('the end of an old process does not take a new one of the same id along', async () => {
  const { host, clock, table, start } = setup()
  host.spawnError = internalError('no')
  await codeOf(start('p'))
  host.spawnError = undefined
  await start('p')
  host.child.exit(0)
  host.child.end()
  clock.advance(80_000)
  await start('p')
  clock.advance(200_000)
  assert.ok(table.findStarted('p'))
})

test('ids are any text, and each table has its own', async () => {
  const { start, table } = setup()
  for (const id of ['', '__proto__', 'constructor', 'é😀']) await start(id)
  assert.ok(table.findStarted('__proto__') && table.findStarted(''))
  assert.is(table.findStarted('toString'), undefined)
  const other = setup()
  assert.is(await codeOf(other.start('')), undefined)
})

test('when a table is disposed of, what runs and what is about to run is killed', async () => {
  const { host, budget, start, table } = setup()
  await start('running')
  host.child.output('stdout', 'x')
  const release = host.holdSpawns()
  const { promise, resolve } = Promise.withResolvers<void>()
  const [spawning, waiting] = [codeOf(start('spawning')), codeOf(start('waiting', promise))]
  table.dispose()
  assert.is(host.children[0]?.kills, 1)
  resolve()
  release()
  await Promise.all([spawning, waiting])
  assert.is(host.children.length, 2)
  assert.ok(host.children.every((child) => child.kills === 1 && child.forgotten))
  assert.is(table.findStarted('running'), undefined)
  assert.is(budget.total, 0)
})

test('so many processes may be open at a time, those that start included, and each that closes makes room', async () => {
  const { host, table, start } = setup({ processes: 3 })
  await start('runs')
  const release = host.holdSpawns()
  const starting = start('starts')
  const { promise, resolve } = Promise.withResolvers<void>()
  const waiting = codeOf(start('waits', promise))
  assert.is(await codeOf(start('more')), ErrorCode.Overloaded)
  assert.is(table.open, 3)
  // A name that is taken is told as that.
  assert.is(await codeOf(start('runs')), ErrorCode.InvalidRequest)
  table.terminate('waits')
  resolve()
  release()
  await Promise.all([starting, waiting])
  await start('more')
  assert.is(await codeOf(start('again')), ErrorCode.Overloaded)
  host.child.exit(0)
  assert.is(await codeOf(start('again')), ErrorCode.Overloaded, 'its output is still held')
  host.child.end()
  await start('again')
  host.spawnError = internalError('no')
  host.children[0]?.exit(0)
  host.children[0]?.end()
  for (let count = 0; count < 10; count++) assert.is(await codeOf(start('fails')), ErrorCode.Internal)
  assert.is(table.open, 2)
})

test('of closed processes only so many are kept, the youngest, and no timer of the others', async () => {
  const { host, clock, table, budget, start } = setup({ endedProcesses: 3 })
  for (let index = 0; index < 10; index++) {
    await start(`p${index}`)
    host.child.output('stdout', 'x')
    clock.advance(1)
    host.child.exit(0)
    host.child.end()
    clock.advance(1)
  }
  const kept = Array.from({ length: 10 }, (_, index) => `p${index}`).filter((id) => table.findStarted(id) !== undefined)
  assert.equal(kept, ['p7', 'p8', 'p9'])
  assert.is(clock.timers, 3)
  assert.is(budget.total, 3 * (1 + defaultLimits.chunkOverhead))
  assert.is(await codeOf(start('p0')), undefined)
  table.dispose()
  assert.is(clock.timers, 0)
})

test('a closed process is kept until its client has been notified, however long and however many; until then no other is started', async () => {
  const { host, clock, table, start } = setup({ endedProcesses: 2 })
  /** A client that takes an event only when the test does. */
  const behind = new Set<EventSource>()
  table.attach({ eventsReady: (source) => behind.add(source) })
  for (const id of ['a', 'b', 'c']) {
    await start(id)
    host.child.output('stdout', 'x')
    host.child.exit(0)
    host.child.end()
    clock.advance(1)
  }
  clock.advance(1_000_000)
  assert.ok(['a', 'b', 'c'].every((id) => table.findStarted(id) !== undefined))
  assert.is(await codeOf(start('d')), ErrorCode.Overloaded)
  for (const source of behind) {
    let events = 0
    while (source.takeEvent() !== undefined) events++
    assert.is(events, 3)
  }
  await start('d')
  assert.equal(
    ['a', 'b', 'c'].filter((id) => table.findStarted(id) !== undefined),
    ['b', 'c'],
  )
  clock.advance(80_000)
  assert.ok(['b', 'c'].every((id) => table.findStarted(id) === undefined))
})

test('processes are bounded over all sessions, and each that closes, fails or goes with its session makes room', async () => {
  const runs = new ProcessRegistry(10)
  const [one, other] = [setup({ totalProcesses: 3 }, runs), setup({ totalProcesses: 3 }, runs)]
  await one.start('a')
  await one.start('b')
  await other.start('a')
  for (const { start } of [one, other]) assert.is(await codeOf(start('c')), ErrorCode.Overloaded)
  assert.is(runs.open, 3)
  one.table.dispose()
  assert.is(runs.open, 1)
  other.host.spawnError = internalError('no')
  assert.is(await codeOf(other.start('d')), ErrorCode.Internal)
  assert.is(runs.open, 1)
  other.table.dispose()
  assert.is(runs.open, 0)
})

test.run()
