import * as assert from 'uvu/assert'
import { methods } from '../../../src/core/rpc/methods.ts'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { Method } from '../../../src/protocol/wire/methods.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

function setup(limits: object = {}) {
  const fake = fakeServer({ drainMs: 60_000, ...limits })
  let ended = false
  return {
    ...fake,
    hasEnded: () => ended,
    drain: () => void fake.server.drain().then(() => (ended = true)),
    /** Lets time pass. */
    pass: async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 20) {
        fake.clock.advance(20)
        await settled()
      }
    },
  }
}

test('a server with nothing to do ends its drain at once', async () => {
  const { server, drain, hasEnded } = setup()
  const client = await MemoryClient.ready(server)
  drain()
  assert.ok(server.isDraining)
  await settled()
  assert.ok(hasEnded())
  assert.is(client.transport.closed, undefined)
})

test('without a time for it a drain ends at once, whatever runs', async () => {
  const { server, drain, hasEnded } = setup({ drainMs: 0 })
  await (await MemoryClient.ready(server)).start('p')
  drain()
  await settled()
  assert.ok(hasEnded())
})

test('what runs is followed to its end, and its client has a moment to read the last of it', async () => {
  const { server, host, drain, hasEnded, pass } = setup()
  const client = await MemoryClient.ready(server)
  await client.start('p', { pipeStdin: true })
  drain()
  await pass(10_000)
  assert.not(hasEnded())
  const waiting = client.begin('process/read', { processId: 'p', waitMs: 1e9 })
  assert.ok((await client.ask('process/write', { processId: 'p', chunk: 'eA==' })).result)
  host.child.output('stdout', 'last words')
  host.child.exit(3)
  host.child.end()
  await pass(20)
  assert.ok(client.answer(waiting)?.result)
  assert.equal(
    client.events('p').map(({ method }) => method),
    ['process/output', 'process/exited', 'process/closed'],
  )
  await pass(400)
  assert.not(hasEnded())
  assert.is((await client.ask('process/read', { processId: 'p' })).result.exitCode, 3)
  await pass(200)
  assert.ok(hasEnded())
})

test('when the time is up the drain ends, not before', async () => {
  const { server, drain, hasEnded, pass } = setup({ drainMs: 5000 })
  await (await MemoryClient.ready(server)).start('p')
  drain()
  await pass(4980)
  assert.not(hasEnded())
  await pass(20)
  assert.ok(hasEnded())
})

test('a second drain is the first', () => {
  const { server } = setup()
  assert.is(server.drain(), server.drain())
})

test('whatever would be new work is refused while draining, and every other method goes on', async () => {
  const { server, drain } = setup()
  const client = await MemoryClient.ready(server)
  await client.start('p', { tty: true })
  drain()
  const goesOn = [
    Method.ProcessRead,
    Method.ProcessWrite,
    Method.ProcessSignal,
    Method.ProcessTerminate,
    Method.ProcessCloseStdin,
    Method.ProcessResize,
    Method.ProcessAcknowledge,
    Method.ProcessList,
    Method.ProcessAttach,
    Method.ProcessSnapshot,
    Method.ProcessWait,
    Method.ProcessLogs,
    Method.ProcessRemove,
    Method.ProcessSubscribe,
    Method.EnvironmentInfo,
    Method.EnvironmentStatus,
    Method.FsReadBlock,
    Method.FsWriteBlock,
    Method.FsClose,
    Method.HttpAcknowledge,
    Method.HttpCancel,
    Method.NetWrite,
    Method.NetAcknowledge,
    Method.NetEnd,
    Method.NetClose,
    Method.NetUnlisten,
    Method.NetPorts,
  ] as string[]
  const params = {
    processId: 'p',
    argv: ['x'],
    cwd: '/',
    env: {},
    tty: false,
    chunk: '',
    signal: 'interrupt',
    timeoutMs: 0,
    rows: 1,
    columns: 1,
    seq: 0,
    run: 1,
    path: '/x',
    paths: ['/x'],
    dataBase64: '',
    sourcePath: '/x',
    destinationPath: '/y',
    recursive: false,
    handleId: 'h',
    mode: 'read',
    offset: 0,
    len: 1,
    options: { maxDepth: 1, maxDirectories: 1, maxEntries: 1, followDirectorySymlinks: false },
    method: 'GET',
    url: 'http://x/',
    requestId: 'h',
    watchId: 1,
    missing: [],
    roots: [],
    configPaths: [],
    requirementsPaths: [],
    connectionId: 'c',
    listenerId: 'l',
    window: 1,
  }
  const refused: string[] = []
  for (const name of methods.keys()) {
    const { error } = await client.ask(name, params)
    if (error?.code === ErrorCode.Overloaded) refused.push(name)
    else assert.ok(goesOn.includes(name), `${name}: ${error?.message}`)
  }
  assert.equal(new Set([...refused, ...goesOn]), new Set(methods.keys()))
  assert.match(String((await client.ask('fs/getMetadata', params)).error?.message), /^the server is draining: /)
  assert.is((await client.ask('no/such')).error?.code, ErrorCode.MethodNotFound)
})

test('no session begins while draining, and one that was cut off is resumed and followed', async () => {
  const { server, host, drain, hasEnded, pass } = setup()
  const lost = await MemoryClient.ready(server)
  await lost.start('p')
  lost.drop()
  drain()
  const late = new MemoryClient(server)
  const { error } = await late.ask('initialize', { clientName: 'late', resumeSessionId: null })
  assert.is(error?.code, ErrorCode.Overloaded)
  const heir = await MemoryClient.ready(server, lost.sessionId)
  host.child.output('stdout', 'x')
  host.child.exit(0)
  host.child.end()
  await pass(20)
  assert.is(heir.output('p'), 'x')
  await pass(600)
  assert.ok(hasEnded())
})

test('a client that is behind is waited for', async () => {
  const { server, host, drain, hasEnded, pass } = setup({ outboundOutput: 1000 })
  const client = await MemoryClient.ready(server)
  await client.start('p')
  drain()
  client.transport.slow = true
  host.child.output('stdout', 'x'.repeat(3000))
  await pass(20)
  host.child.output('stdout', 'y'.repeat(3000))
  host.child.exit(0)
  host.child.end()
  await pass(5000)
  assert.not(hasEnded())
  // It takes what is queued, again and again; in the end all has been handed to its connection, and is still to leave.
  while (client.events('p').at(-1)?.method !== 'process/closed') {
    client.transport.drain()
    client.connection.drained()
    await pass(5000)
    assert.not(hasEnded())
  }
  await client.drain()
  client.transport.slow = false
  await pass(600)
  assert.ok(hasEnded())
  assert.is(client.output('p').length, 6000)
})

test('a file call is waited for', async () => {
  const { server, host, drain, hasEnded, pass } = setup()
  const client = await MemoryClient.ready(server)
  const { promise, resolve } = Promise.withResolvers<string>()
  host.serveFile = () => promise
  const call = client.begin('fs/canonicalize', { path: '/' })
  await settled()
  drain()
  await pass(5000)
  assert.not(hasEnded())
  resolve('/')
  await pass(600)
  assert.ok(client.answer(call)?.result)
  assert.ok(hasEnded())
})

test('a body that is streamed is waited for to its end', async () => {
  const { server, host, drain, hasEnded, pass } = setup()
  const client = await MemoryClient.ready(server)
  const { promise, resolve } = Promise.withResolvers<undefined>()
  host.serveHttp = async () => ({ status: 200, headers: [], read: () => promise, cancel: () => {} })
  client.begin('http/request', { method: 'GET', url: 'http://x/', requestId: 's', streamResponse: true })
  await settled()
  drain()
  await pass(5000)
  assert.not(hasEnded())
  resolve(undefined)
  await pass(600)
  assert.ok(hasEnded())
})

test.run()
