/** What the core tells whoever looks from outside. */
import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import { NAME_LENGTH, shortName, silentObserver, UNKNOWN_METHOD } from '../../../src/core/base/observer.ts'
import type { Observer, Start } from '../../../src/core/base/observer.ts'
import { createExecServer } from '../../../src/core/rpc/server.ts'
import { CloseCode } from '../../../src/core/base/transport.ts'
import { ErrorCode, internalError } from '../../../src/protocol/wire/errors.ts'
import { FakeHost } from '../../support/fakes/fake-host.ts'
import { ManualClock, settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient, startParams } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

function observedServer(observing: Partial<Observer> = {}, limits: Partial<Limits> = {}) {
  const [host, clock] = [new FakeHost(), new ManualClock()]
  const observer = { ...silentObserver(), ...observing }
  const server = createExecServer({ host, clock, limits: { ...defaultLimits, ...limits }, observer })
  return { host, clock, observer, totals: observer.totals, server }
}

/** Writes down what runs are told. */
function runTeller() {
  const told: unknown[][] = []
  const starting = ({ processId, spec, sandboxType, peer }: Start) => {
    told.push([processId, 'starting', spec.argv, sandboxType, peer.session, peer.client])
    return {
      started: (pid: number | undefined) => void told.push([processId, 'started', pid]),
      failed: (error: unknown) => void told.push([processId, 'failed', (error as Error).message]),
      exited: (code: number) => void told.push([processId, 'exited', code]),
      ended: (end: object) => void told.push([processId, 'ended', end]),
    }
  }
  return { told, starting }
}

test('requests are counted by method, unknown ones as one, and errors by code, unreadable messages among them', async () => {
  const { server, totals } = observedServer()
  const client = await MemoryClient.ready(server)
  for (const method of ['environment/status', 'environment/status', 'no/such', '__proto__', 'process/output'])
    await client.ask(method, {})
  await client.ask('process/read', { processId: 'nobody' })
  client.say('no json')
  await settled()
  assert.equal(Object.fromEntries(totals.requests), {
    initialize: 1,
    'environment/status': 2,
    [UNKNOWN_METHOD]: 3,
    'process/read': 1,
  })
  assert.equal(Object.fromEntries(totals.errors), { [ErrorCode.MethodNotFound]: 3, [ErrorCode.InvalidRequest]: 2 })
  assert.is(totals.connections, 1)
})

test('output is counted as read when it comes and as sent when it goes; stdin when it is written', async () => {
  const { server, host, clock, totals } = observedServer()
  const client = await MemoryClient.ready(server)
  await client.start('p', { pipeStdin: true })
  host.child.output('stdout', 'four')
  clock.turn()
  await settled()
  await client.ask('process/write', { processId: 'p', chunk: btoa('12345'), writeId: 'w' })
  // The same write once more, which writes nothing.
  await client.ask('process/write', { processId: 'p', chunk: btoa('12345'), writeId: 'w' })
  assert.equal([totals.outputRead, totals.outputSent, totals.stdinWritten], [4, 4, 5])
  client.drop()
  host.child.output('stdout', 'nobody hears')
  clock.turn()
  await settled()
  assert.equal([totals.outputRead, totals.outputSent], [16, 4])
})

test('stdin that is held back counts once the child takes it', async () => {
  const { server, host, totals } = observedServer({}, { stdinQueue: 4 })
  const client = await MemoryClient.ready(server)
  await client.start('p', { pipeStdin: true })
  client.begin('process/write', { processId: 'p', chunk: btoa('1234') })
  client.begin('process/write', { processId: 'p', chunk: btoa('567') })
  await settled()
  assert.equal([totals.stdinWritten, server.snapshot().stdinBytes], [4, 7])
  host.child.reads()
  await settled()
  assert.equal([totals.stdinWritten, server.snapshot().stdinBytes], [7, 3])
})

test('an observer of a run is notified once each of its start with the client, its pid, exit and end', async () => {
  const { told, starting } = runTeller()
  const { server, host, clock, totals } = observedServer({ starting })
  const client = await MemoryClient.ready(server)
  await client.start('p', { argv: ['a', 'b'] })
  host.child.output('stdout', 'xyz')
  host.child.exit(3)
  host.child.end()
  await settled()
  clock.advance(defaultLimits.retainEndedMs + 1)
  server.shutdown()
  assert.equal(told, [
    ['p', 'starting', ['a', 'b'], 'none', client.sessionId, 'test'],
    ['p', 'started', undefined],
    ['p', 'exited', 3],
    ['p', 'ended', { exitCode: 3, outputBytes: 3, killed: false }],
  ])
  assert.equal([totals.starts, totals.refusedStarts], [1, 0])
})

test('an observer of a run whose session expires, or whose server ends, is notified of the kill, or of an exit before it', async () => {
  const { told, starting } = runTeller()
  const { server, host, clock } = observedServer({ starting })
  const client = await MemoryClient.ready(server)
  await client.start('runs')
  await client.start('exited')
  host.child.exit(7)
  client.drop()
  clock.advance(defaultLimits.sessionTtlMs + 1)
  const other = await MemoryClient.ready(server)
  await other.start('last')
  server.shutdown()
  await settled()
  assert.equal(
    told.filter(([, what]) => what === 'ended'),
    [
      ['runs', 'ended', { exitCode: undefined, outputBytes: 0, killed: true }],
      ['exited', 'ended', { exitCode: 7, outputBytes: 0, killed: true }],
      ['last', 'ended', { exitCode: undefined, outputBytes: 0, killed: true }],
    ],
  )
})

test('a start that fails is reported to its observer and counted as refused, and has no end', async () => {
  const { told, starting } = runTeller()
  const { server, host, totals } = observedServer({ starting })
  const client = await MemoryClient.ready(server)
  host.spawnError = internalError('no such program')
  assert.is((await client.start('p')).error?.code, ErrorCode.Internal)
  assert.equal(
    told.map(([, what, ...rest]) => [what, rest[0]]),
    [
      ['starting', ['fake']],
      ['failed', 'no such program'],
    ],
  )
  // Refused before it comes to that.
  await client.start('q', { argv: [] })
  await client.ask('process/start', { argv: 5 })
  assert.is(told.length, 2)
  assert.equal([totals.starts, totals.refusedStarts], [0, 3])
})

test('what an observer throws before the spawn refuses the start: no child, and the id is free', async () => {
  let isFull = true
  const starting = () => {
    if (isFull) throw internalError('nothing can be written down')
    return undefined
  }
  const { server, host, totals } = observedServer({ starting })
  const client = await MemoryClient.ready(server)
  assert.equal((await client.start('p')).error, { code: ErrorCode.Internal, message: 'nothing can be written down' })
  assert.is(host.children.length, 0)
  isFull = false
  assert.ok((await client.start('p')).result)
  assert.equal([totals.starts, totals.refusedStarts], [1, 1])
})

test('the end of a run whose session ends during its start is reported once the child exists', async () => {
  const { told, starting } = runTeller()
  const { server, host, clock } = observedServer({ starting })
  const client = await MemoryClient.ready(server)
  const letSpawn = host.holdSpawns()
  client.begin('process/start', startParams('p'))
  await settled()
  client.drop()
  clock.advance(defaultLimits.sessionTtlMs + 1)
  assert.is(told.length, 1)
  letSpawn()
  await settled()
  assert.equal(
    told.map(([, what]) => what),
    ['starting', 'started', 'ended'],
  )
})

test('an observer of requests is notified of each outcome once, also when no connection is left to answer', async () => {
  const told: unknown[] = []
  const { server, host } = observedServer({
    request: (peer, method) => {
      if (method === 'environment/status') return undefined
      return (outcome) => told.push([peer.connection, method, 'error' in outcome ? outcome.error.code : 'result'])
    },
  })
  const client = await MemoryClient.ready(server)
  await client.ask('environment/status')
  await client.ask('environment/nonsense')
  const letSpawn = host.holdSpawns()
  client.begin('process/start', startParams('p'))
  await settled()
  client.drop()
  assert.is(told.length, 2)
  letSpawn()
  await settled()
  assert.equal(told, [
    [1, 'initialize', 'result'],
    [1, UNKNOWN_METHOD, ErrorCode.MethodNotFound],
    [1, 'process/start', 'result'],
  ])
})

test('connections and sessions are reported from their beginning to their end, with the reason', async () => {
  const told: unknown[] = []
  const { server, clock } = observedServer({
    opened: ({ connection, address, session }) => told.push(['opened', connection, address, session]),
    closed: ({ connection, client }, why) => told.push(['closed', connection, client, why]),
    session: (event, id, peer) => told.push([event, id, peer?.connection]),
  })
  const client = await MemoryClient.ready(server)
  const { sessionId } = client
  client.drop()
  const heir = await MemoryClient.ready(server, sessionId)
  heir.say({ method: 'nonsense' })
  await settled()
  assert.is(heir.transport.closed?.code, CloseCode.ProtocolError)
  clock.advance(defaultLimits.sessionTtlMs + 1)
  await MemoryClient.ready(server)
  server.shutdown()
  await settled()
  assert.equal(told, [
    ['opened', 1, 'memory', undefined],
    ['created', 'session-1', 1],
    ['detached', 'session-1', undefined],
    ['closed', 1, 'test', 'the client has gone'],
    ['opened', 2, 'memory', undefined],
    ['resumed', 'session-1', 2],
    ['detached', 'session-1', undefined],
    ['closed', 2, 'test', 'unexpected notification nonsense'],
    ['expired', 'session-1', undefined],
    ['opened', 3, 'memory', undefined],
    ['created', 'session-2', 3],
    ['ended', 'session-2', undefined],
    ['closed', 3, 'test', 'server is shutting down'],
  ])
})

test('a snapshot tells how things stand: processes by state, sessions, and what is under way', async () => {
  const { server, host, clock } = observedServer()
  const client = await MemoryClient.ready(server)
  const other = await MemoryClient.ready(server)
  other.drop()
  for (const id of ['runs', 'exited', 'closed']) {
    await client.start(id)
    if (id !== 'runs') host.child.exit(0)
    if (id === 'closed') host.child.end()
  }
  host.child.output('stdout', '')
  clock.turn()
  const letSpawn = host.holdSpawns()
  client.begin('process/start', startParams('starting'))
  client.begin('process/read', { processId: 'runs', waitMs: 1e6 })
  host.serveFile = async () => ({ close: async () => {} })
  await client.ask('fs/open', { handleId: 'h', path: '/x', mode: 'read' })
  host.serveHttp = () => new Promise(() => {})
  client.begin('http/request', { requestId: 'r', method: 'GET', url: 'http://x/', headers: [] })
  await settled()
  const snapshot = server.snapshot()
  assert.equal(snapshot.processes, { starting: 1, running: 1, exited: 1, closed: 1 })
  assert.equal([snapshot.connections, snapshot.attachedSessions, snapshot.detachedSessions], [1, 1, 1])
  assert.equal([snapshot.requests, snapshot.httpRequests, snapshot.fileHandles], [3, 1, 1])

  client.transport.slow = true
  await client.ask('environment/status')
  assert.ok(server.snapshot().outboundBytes > 0)
  letSpawn()
  client.drop()
  await settled()
  clock.advance(1e6)
  await settled()
  const after = server.snapshot()
  assert.equal(after.processes, { starting: 0, running: 0, exited: 0, closed: 0 })
  const {
    connections,
    attachedSessions,
    detachedSessions,
    requests,
    httpRequests,
    fileHandles,
    outboundBytes,
    retainedBytes,
  } = after
  assert.equal(
    [
      connections,
      attachedSessions,
      detachedSessions,
      requests,
      httpRequests,
      fileHandles,
      outboundBytes,
      retainedBytes,
    ],
    [0, 0, 0, 0, 0, 0, 0, 0],
  )
})

test('the bodies of http/request are counted, streamed or not', async () => {
  const { server, host, totals } = observedServer()
  const client = await MemoryClient.ready(server)
  host.serveHttp = async () => {
    const pieces = [new Uint8Array(10), new Uint8Array(20)]
    return { status: 200, headers: [], read: async () => pieces.shift(), cancel: () => {} }
  }
  const request = { method: 'POST', url: 'http://x/', headers: [], bodyBase64: btoa('12345') }
  await client.ask('http/request', { requestId: 'whole', ...request })
  assert.equal([totals.httpSent, totals.httpReceived], [5, 30])
  await client.ask('http/request', { requestId: 'stream', streamResponse: true, ...request })
  await settled()
  assert.equal([totals.httpSent, totals.httpReceived], [10, 60])
})

test('names that a client makes up are kept short', () => {
  assert.is(shortName('codex'), 'codex')
  assert.is(shortName('x'.repeat(10_000)), `${'x'.repeat(NAME_LENGTH)}…`)
})

test.run()
