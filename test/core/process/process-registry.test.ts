/** process/list and process/attach. */
import * as assert from 'uvu/assert'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient, startParams } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

async function setup(limits: object = {}) {
  const fake = fakeServer(limits)
  const [owner, guest] = [await MemoryClient.ready(fake.server), await MemoryClient.ready(fake.server)]
  const list = async (): Promise<any[]> => (await guest.ask('process/list', null)).result.processes
  const attach = (run: unknown, processId = 'a') => guest.ask('process/attach', { run, processId })
  return { ...fake, owner, guest, list, attach }
}

test('the list tells of every process of every session, in the order of their starts, and of no more of a session than a part of its id', async () => {
  const { owner, guest, host, list } = await setup()
  host.uuid = () => '12345678-9abc-4def-8000-000000000000'
  const before = Date.now()
  await owner.start('p', { argv: ['sleep', '1'], cwd: '/x' })
  await guest.start('q', { tty: true })
  const release = host.holdSpawns()
  guest.begin('process/start', startParams('r'))
  await settled()
  host.children[1]?.exit(3)
  owner.drop()
  const [first, second, third, ...more] = await list()
  assert.ok(first.startedAtMs >= before && first.startedAtMs <= Date.now())
  delete first.startedAtMs
  assert.equal(first, {
    run: 1,
    name: null,
    detached: false,
    processId: 'p',
    client: 'test',
    session: owner.sessionId.slice(0, 8),
    attached: false,
    argv: ['sleep', '1'],
    cwd: '/x',
    tty: false,
    pid: null,
    state: 'running',
    exitCode: null,
    exitedAtMs: null,
  })
  assert.not.equal(first.session, owner.sessionId)
  assert.equal([second.run, second.tty, second.state, second.exitCode, second.attached], [2, true, 'exited', 3, true])
  assert.equal([third.run, third.state], [3, 'starting'])
  assert.is(more.length, 0)
  release()
})

test('a process is listed while it can be read, and no longer; a start that fails is not', async () => {
  const { owner, host, clock, list } = await setup()
  await owner.start('p')
  host.child.exit(0)
  host.child.end()
  assert.equal(
    (await list()).map(({ state }) => state),
    ['closed'],
  )
  clock.advance(80_000)
  assert.equal(await list(), [])
  host.spawnError = new Error('no')
  await owner.start('q')
  assert.equal(await list(), [])
  host.spawnError = undefined
  await owner.start('r')
  assert.equal(
    (await list()).map(({ run }) => run),
    [3],
  )
  owner.drop()
  clock.advance(80_000)
  assert.equal(await list(), [])
})

test('what is long is cut, with a mark, and where there are too many those that are over go first', async () => {
  const { owner, host, list } = await setup({ listedProcesses: 2 })
  await owner.start('p'.repeat(1000), { argv: ['a', 'b'.repeat(1000), 'c'], cwd: `/${'d'.repeat(4000)}` })
  const [{ processId, argv, cwd }] = await list()
  assert.equal([processId.length, argv.length, argv[2]], [201, 3, '…'])
  assert.ok(argv.join('').length < 500 && argv[1].endsWith('…') && cwd.length < 500)
  await owner.start('q')
  host.child.exit(0)
  host.child.end()
  await owner.start('r')
  assert.equal(
    (await list()).map(({ run }) => run),
    [1, 3],
  )
  await owner.start('s')
  assert.equal(
    (await list()).map(({ run }) => run),
    [3, 4],
  )
})

test('the longest list there can be fits a message', async () => {
  const { owner, guest, host } = await setup()
  const worst = { argv: Array.from({ length: 300 }, () => '\0'), cwd: `/${'\u0001'.repeat(4000)}` }
  await owner.start('\u0001'.repeat(300), worst)
  const one = JSON.stringify((await guest.ask('process/list', {})).result).length
  const { defaultLimits } = await import('../../../src/core/base/limits.ts')
  assert.ok(one * defaultLimits.listedProcesses < defaultLimits.messageBytes, `${one} bytes each`)
  assert.is(host.faults.length, 0)
})

test('a session that has attached to a process can do everything with it, and gets no notifications', async () => {
  const { owner, guest, host, clock, attach } = await setup()
  await owner.start('p', { argv: ['cat'], pipeStdin: true })
  await guest.start('own')
  const child = host.children[0]
  assert.equal((await attach(1, 'a')).result, { processId: 'a', argv: ['cat'], tty: false, state: 'running' })
  const waiting = guest.begin('process/read', { processId: 'a', waitMs: 60_000 })
  await settled()
  assert.is(guest.answer(waiting), undefined)
  child?.output('stdout', 'hello')
  clock.turn()
  await settled()
  assert.is(guest.answer(waiting)?.result.chunks.length, 1)
  assert.is(owner.output('p'), 'hello')
  assert.equal([...guest.events('a'), ...guest.events('p')], [])
  assert.equal((await guest.ask('process/write', { processId: 'a', chunk: btoa('x'), writeId: '1' })).result, {
    status: 'accepted',
  })
  await guest.ask('process/signal', { processId: 'a', signal: 'user1' })
  assert.equal(child?.signals, ['user1'])
  assert.equal((await guest.ask('process/closeStdin', { processId: 'a' })).result, { status: 'accepted' })
  assert.equal((await guest.ask('process/terminate', { processId: 'a' })).result, { running: true })
  assert.is(child?.kills, 1)
  child?.exit(137)
  child?.end()
  assert.is((await guest.ask('process/read', { processId: 'a' })).result.closed, true)
  assert.is((await owner.ask('process/read', { processId: 'p' })).result.closed, true)
})

test('two sessions may use the same write id for one process', async () => {
  const { owner, guest, host, attach } = await setup()
  await owner.start('p', { pipeStdin: true })
  await attach(1)
  const write = (client: MemoryClient, processId: string, text: string) =>
    client.ask('process/write', { processId, chunk: btoa(text), writeId: '1' })
  await write(owner, 'p', 'one ')
  await write(guest, 'a', 'two')
  await write(guest, 'a', 'two')
  await write(owner, 'p', 'one ')
  assert.is(host.child.input, 'one two')
})

test('a guest that reads nothing holds nothing back, and its end ends nothing', async () => {
  const { owner, guest, host, clock, attach } = await setup()
  await owner.start('p')
  await attach(1)
  for (let round = 0; round < 100; round++) {
    host.child.output('stdout', new Uint8Array(20_000))
    clock.turn()
    await settled()
  }
  assert.not(host.child.paused)
  guest.drop()
  clock.advance(80_000)
  assert.equal([host.child.kills, host.child.forgotten], [0, false])
  assert.is((await owner.ask('process/read', { processId: 'p' })).result.closed, false)
})

test('an id that is taken cannot be given again, neither to an attached process nor to a new one', async () => {
  const { owner, guest, attach } = await setup()
  await owner.start('p')
  await guest.start('a')
  assert.is((await attach(1, 'a')).error?.code, ErrorCode.InvalidRequest)
  assert.ok((await attach(1, 'b')).result)
  assert.is((await attach(2, 'b')).error?.code, ErrorCode.InvalidRequest)
  assert.is((await guest.start('b')).error?.code, ErrorCode.InvalidRequest)
  // One process may have several names, also in its own session.
  assert.ok((await attach(1, 'c')).result)
  assert.ok((await owner.ask('process/attach', { run: 1, processId: 'too' })).result)
})

test('with the process or the session of its owner the other name goes, and may be used again', async () => {
  const { owner, guest, host, clock, attach } = await setup()
  await owner.start('p')
  await owner.start('q')
  await attach(1, 'a')
  await attach(2, 'b')
  host.children[0]?.exit(0)
  host.children[0]?.end()
  await settled()
  clock.advance(80_000)
  assert.is((await guest.ask('process/read', { processId: 'a' })).error?.code, ErrorCode.InvalidRequest)
  assert.ok((await guest.start('a')).result)
  const waiting = guest.begin('process/read', { processId: 'b', waitMs: 500_000 })
  owner.drop()
  clock.advance(80_000)
  await settled()
  assert.is(guest.answer(waiting)?.error?.code, ErrorCode.InvalidRequest)
  assert.equal((await guest.ask('process/terminate', { processId: 'b' })).result, { running: false })
  assert.equal((await guest.ask('process/write', { processId: 'b', chunk: '' })).result, { status: 'unknownProcess' })
})

test('a process that is just being started is attached to once it runs; what is not there is refused', async () => {
  const { owner, guest, host, attach } = await setup()
  const release = host.holdSpawns()
  owner.begin('process/start', startParams('p'))
  await settled()
  const early = guest.begin('process/attach', { run: 1, processId: 'a' })
  await settled()
  assert.is(guest.answer(early), undefined)
  release()
  await settled()
  assert.is(guest.answer(early)?.result.state, 'running')
  for (const run of [0, 2, 2 ** 60])
    assert.is((await attach(run, 'x')).error?.code, ErrorCode.InvalidRequest, String(run))
  for (const run of [-1, '1', null])
    assert.is((await attach(run, 'x')).error?.code, ErrorCode.InvalidParams, String(run))
})

test('no session attaches to more processes than it may have', async () => {
  const { owner, host, clock, attach } = await setup({ processes: 2 })
  await owner.start('p')
  assert.ok((await attach(1, 'a')).result)
  assert.ok((await attach(1, 'b')).result)
  assert.is((await attach(1, 'c')).error?.code, ErrorCode.Overloaded)
  host.child.exit(0)
  host.child.end()
  await settled()
  clock.advance(80_000)
  await owner.start('q')
  assert.ok((await attach(2, 'c')).result)
})

test('where sandboxes are required, clients see and reach no processes of others', async () => {
  const { owner, guest, host, server, attach } = await setup()
  await owner.start('p')
  host.requiresSandbox = true
  assert.is((await guest.ask('process/list', null)).error?.code, ErrorCode.InvalidRequest)
  assert.is((await attach(1)).error?.code, ErrorCode.InvalidRequest)
  const { result } = await new MemoryClient(server).ask('initialize', { clientName: 'x' })
  assert.not(result.extensions.includes('processList'))
  assert.ok(result.extensions.includes('resize'))
})

test('the observer gets the owner of a process', async () => {
  const { owner, guest, server, attach } = await setup()
  const told: unknown[] = []
  server.observer.request = (_, method, __, originOf) => void told.push([method, originOf('a'), originOf('own')])
  await owner.start('p')
  await guest.start('own')
  await attach(1)
  await guest.ask('process/signal', { processId: 'a', signal: 'interrupt' })
  assert.equal(told.at(-1), ['process/signal', { run: 1, session: owner.sessionId, processId: 'p' }, undefined])
})

test.run()
