import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { RawJson } from '../../../src/core/base/json-fragments.ts'
import { CloseCode } from '../../../src/core/base/transport.ts'
import { ErrorCode, RpcError } from '../../../src/protocol/wire/errors.ts'
import { EXTENSIONS } from '../../../src/protocol/schemas/session.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient, startParams } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

function setup(limits: object = {}) {
  const fake = fakeServer(limits)
  return { ...fake, client: new MemoryClient(fake.server) }
}

async function ready(limits: object = {}) {
  const fake = fakeServer(limits)
  return { ...fake, client: await MemoryClient.ready(fake.server) }
}

const HELLO = { clientName: 'test', resumeSessionId: null }

// ---- messages that cannot be read ----

test('a malformed message is answered with id -1, at any time and as often as it comes', async () => {
  const { client } = setup()
  for (const text of ['not-json', '[]', '{}', '', '{"id":1.0,"method":"x"}', '{"id":1,"id":1,"method":"x"}'])
    client.say(text)
  assert.is(client.answers.length, 6)
  for (const { id, error } of client.answers) {
    assert.is(id, -1)
    assert.is(error?.code, ErrorCode.InvalidRequest)
    assert.match(error?.message ?? '', /^failed to parse JSON-RPC message from exec-server memory: /)
  }
  assert.ok((await client.ask('initialize', HELLO)).result)
  client.say('not-json')
  assert.is(client.transport.closed, undefined)
})

test('a message with too many values is answered with its id, and the connection stays open', async () => {
  const { client } = await ready()
  client.say(`{"id":77,"method":"process/list","params":[${'{},'.repeat(40_000)}{}]}`)
  const { id, error } = client.answers.at(-1) as (typeof client.answers)[number]
  assert.is(id, 77)
  assert.is(error?.code, ErrorCode.InvalidRequest)
  assert.match(error?.message ?? '', /more than 32768 values/)
  assert.is(client.transport.closed, undefined)
})

test('a message may have 64 KiB before initialize, and 64 MiB from then on', async () => {
  const { client } = setup()
  assert.is(client.connection.messageBytes, 64 * 1024)
  assert.ok((await client.ask('initialize', { clientName: 1 })).error)
  assert.is(client.connection.messageBytes, 64 * 1024)
  assert.ok((await client.ask('initialize', HELLO)).result)
  assert.is(client.connection.messageBytes, 64 * 1024 * 1024)
})

test('the answer to a malformed message is itself well formed, whatever the message was', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const { client } = setup()
      client.connection.receive(bytes)
      assert.ok(client.received.length <= 1)
    }),
  )
})

test('every id is echoed as it was sent', async () => {
  const { client } = await ready()
  for (const id of ['9223372036854775807', '-9223372036854775808', '9007199254740993', '0', '""', '"a\\"b"'])
    client.say(`{"id":${id},"method":"environment/status"}`)
  const texts = client.transport.messages.slice(-6)
  assert.equal(
    texts.map((text) => /^\{"id":(.*),"result":\{"status":"ready"\}\}$/.exec(text)?.[1]),
    ['9223372036854775807', '-9223372036854775808', '9007199254740993', '0', '""', '"a\\"b"'],
  )
})

test('two requests under one id are both answered', async () => {
  const { client } = await ready()
  for (let count = 0; count < 2; count++) client.say({ id: 'same', method: 'process/read', params: { processId: 'x' } })
  await settled()
  assert.is(client.answers.filter(({ id }) => id === 'same').length, 2)
})

// ---- the handshake ----

test('initialize answers the session, the environment, the protocol version and the extensions', async () => {
  const { client, host } = setup()
  const { result } = await client.ask('initialize', { clientName: '' })
  assert.equal(result, {
    sessionId: 'session-1',
    environmentInfo: host.environmentInfo(),
    protocolVersion: 'exec-server.v0',
    extensions: EXTENSIONS,
  })
})

test('an initialize that fails may be tried again on the same connection', async () => {
  const { client } = setup()
  for (const params of [undefined, null, {}, { clientName: 5 }, []])
    assert.is((await client.ask('initialize', params)).error?.code, ErrorCode.InvalidParams)
  for (const resumeSessionId of ['unknown', '']) {
    assert.equal((await client.ask('initialize', { clientName: '', resumeSessionId })).error, {
      code: ErrorCode.InvalidRequest,
      message: `unknown session id ${resumeSessionId}`,
    })
  }
  assert.ok((await client.ask('initialize', HELLO)).result)
})

test('a second initialize is refused and changes nothing', async () => {
  const { client } = await ready()
  assert.equal((await client.ask('initialize', HELLO)).error, {
    code: ErrorCode.InvalidRequest,
    message: 'initialize may only be sent once per connection',
  })
  assert.is(
    (await client.ask('initialize', { clientName: 'x', resumeSessionId: client.sessionId })).error?.code,
    ErrorCode.InvalidRequest,
  )
  assert.is((await client.ask('initialize', {})).error?.code, ErrorCode.InvalidParams)
  assert.ok((await client.ask('environment/status')).result)
})

test('before the handshake is complete every method names its family in the refusal', async () => {
  const { client } = setup()
  const methods: [string, object, string][] = [
    ['process/read', { processId: 'p' }, 'exec'],
    ['process/start', startParams('p'), 'exec'],
    ['fs/readFile', { path: '/' }, 'filesystem'],
    ['environment/info', {}, 'environment info'],
    ['environment/status', {}, 'environment status'],
  ]
  for (const [method, params, family] of methods) {
    assert.equal((await client.ask(method, params)).error, {
      code: ErrorCode.InvalidRequest,
      message: `client must call initialize before using ${family} methods`,
    })
  }
  await client.ask('initialize', HELLO)
  for (const [method, params, family] of methods) {
    assert.equal((await client.ask(method, params)).error, {
      code: ErrorCode.InvalidRequest,
      message: `client must send initialized before using ${family} methods`,
    })
  }
  client.say({ method: 'initialized' })
  assert.ok((await client.ask('process/start', startParams('p'))).result)
})

test('unknown methods and invalid params are reported before the state of the handshake', async () => {
  const { client } = setup()
  for (const method of [
    '',
    'initialized',
    'process/pause',
    'process/output',
    'constructor',
    '__proto__',
    'fs',
    'http',
  ]) {
    assert.is((await client.ask(method, {})).error?.code, ErrorCode.MethodNotFound, method)
  }
  for (const [method, params] of [
    ['process/read', {}],
    ['process/read', null],
    ['fs/readFile', { path: 'relative' }],
    ['environment/info', 5],
  ] as const) {
    assert.is((await client.ask(method, params)).error?.code, ErrorCode.InvalidParams, method)
  }
})

test('a whole handshake and its first request may come in one burst', async () => {
  const { client } = setup()
  client.begin('initialize', HELLO)
  client.say({ method: 'initialized', params: 'anything at all' })
  client.say({ method: 'initialized' })
  const start = client.begin('process/start', startParams('p'))
  await settled()
  assert.ok(client.answer(start)?.result)
})

// ---- offences ----

test('offences close the connection with a protocol error, and nothing more is read', async () => {
  const offences: [string, (client: MemoryClient) => void][] = [
    ['a notification that is not initialized', (client) => client.say({ method: 'process/output', params: {} })],
    ['initialize without an id', (client) => client.say({ method: 'initialize', params: HELLO })],
    ['initialized before initialize', (client) => client.say({ method: 'initialized' })],
    ['an answer to nothing', (client) => client.say({ id: 1, result: {} })],
    ['an error about nothing', (client) => client.say({ id: 'x', error: { code: 1, message: '' } })],
  ]
  for (const [name, offend] of offences) {
    const { client } = setup()
    offend(client)
    client.begin('initialize', HELLO)
    client.say('not-json')
    await settled()
    assert.is(client.transport.closed?.code, CloseCode.ProtocolError, name)
    assert.equal(client.received, [], name)
  }
})

test('initialized after a failed initialize closes', async () => {
  const { client } = setup()
  await client.ask('initialize', {})
  client.say({ method: 'initialized' })
  await settled()
  assert.is(client.transport.closed?.code, CloseCode.ProtocolError)
})

test('requests before an offence are all answered, then comes the close', async () => {
  const { client, host } = await ready()
  await client.start('p')
  const { promise, resolve } = Promise.withResolvers<unknown>()
  host.serveFile = () => promise
  const release = host.holdSpawns()
  const ids = [
    client.begin('process/read', { processId: 'p', waitMs: 1e9 }),
    client.begin('process/start', startParams('q')),
    client.begin('fs/readDirectory', { path: '/' }),
    client.begin('fs/canonicalize', { path: '/' }),
    client.begin('environment/status'),
  ]
  client.say({ method: 'nonsense' })
  const late = client.begin('environment/status')
  await settled()
  assert.ok(client.answer(ids[0]), 'a waiting read is released')
  assert.is(client.transport.closed, undefined)
  resolve([])
  release()
  await settled()
  assert.equal(
    ids.filter((id) => client.answer(id) === undefined),
    [],
  )
  assert.is(client.answer(late), undefined)
  assert.is(client.transport.closed?.code, CloseCode.ProtocolError)
})

test('a read that comes to its wait while the connection closes does not wait', async () => {
  const { client, host } = await ready()
  const release = host.holdSpawns()
  client.begin('process/start', startParams('p'))
  const read = client.begin('process/read', { processId: 'p', waitMs: 1e9 })
  client.say({ method: 'nonsense' })
  release()
  await settled()
  assert.ok(client.answer(read)?.result)
  assert.ok(client.transport.closed)
})

test('after an offence the session is there to be resumed', async () => {
  const { client, server } = await ready()
  await client.start('p')
  client.say({ method: 'nonsense' })
  await settled()
  const again = await MemoryClient.ready(server, client.sessionId)
  assert.ok((await again.ask('process/read', { processId: 'p' })).result)
})

test('when the wire breaks while a connection closes, it is not closed again', async () => {
  const { client, host } = await ready()
  const release = host.holdSpawns()
  const start = client.begin('process/start', startParams('p'))
  client.connection.close(CloseCode.GoingAway, 'bye')
  client.drop()
  release()
  await settled()
  assert.is(client.transport.closed, undefined)
  assert.is(client.answer(start), undefined)
})

test('two reasons to close make one close, with the first', async () => {
  const { client } = await ready()
  client.connection.close(CloseCode.TooBig, 'first')
  client.connection.close(CloseCode.GoingAway, 'second')
  await settled()
  assert.equal(client.transport.closed, { code: CloseCode.TooBig, reason: 'first' })
})

// ---- sessions ----

test('a session is not taken from a connection that lives, and is free the moment it is gone', async () => {
  const { client, server } = await ready()
  const other = new MemoryClient(server)
  const resume = { clientName: 'other', resumeSessionId: client.sessionId }
  assert.equal((await other.ask('initialize', resume)).error, {
    code: ErrorCode.SessionAttached,
    message: `session ${client.sessionId} is already attached to another connection`,
  })
  client.drop()
  assert.is((await other.ask('initialize', resume)).result.sessionId, client.sessionId)
})

test('a connection whose resume was refused may begin a session of its own', async () => {
  const { client, server } = await ready()
  const other = new MemoryClient(server)
  await other.ask('initialize', { clientName: '', resumeSessionId: client.sessionId })
  const { result } = await other.ask('initialize', HELLO)
  assert.is.not(result.sessionId, client.sessionId)
})

test('a session is resumed for 80 seconds and not a millisecond longer', async () => {
  for (const [ms, lives] of [
    [79_999, true],
    [80_000, false],
  ] as const) {
    const { client, server, clock, host } = await ready()
    await client.start('p')
    client.drop()
    clock.advance(ms)
    const { result, error } = await new MemoryClient(server).ask('initialize', {
      clientName: '',
      resumeSessionId: client.sessionId,
    })
    assert.equal(
      [result?.sessionId, error?.code],
      lives ? [client.sessionId, undefined] : [undefined, ErrorCode.InvalidRequest],
    )
    assert.is(host.child.kills, lives ? 0 : 1)
  }
})

test('a session can be resumed though its client never said initialized, and says it again', async () => {
  const { client, server } = setup()
  const { result } = await client.ask('initialize', HELLO)
  client.drop()
  const again = new MemoryClient(server)
  assert.ok((await again.ask('initialize', { clientName: '', resumeSessionId: result.sessionId })).result)
  assert.match((await again.start('p')).error?.message ?? '', /^client must send initialized/)
})

test('output without a connection is not replayed; reads find it, and events continue after it', async () => {
  const { client, server, host, clock } = await ready()
  await client.start('p')
  const say = async (text: string): Promise<void> => {
    host.child.output('stdout', text)
    clock.turn()
    await settled()
  }
  await say('one ')
  client.drop()
  await say('two ')
  await say('three ')
  const again = new MemoryClient(server)
  await again.ask('initialize', { clientName: '', resumeSessionId: client.sessionId })
  // Before initialized.
  await say('four')
  assert.equal(
    again.events('p').map(({ params }) => params.seq),
    [4],
  )
  assert.is(again.output('p'), 'four')
  assert.is(client.output('p'), 'one ')
  again.say({ method: 'initialized' })
  const { result } = await again.ask('process/read', { processId: 'p', afterSeq: 1 })
  assert.is(result.chunks.map(({ chunk }: { chunk: string }) => atob(chunk)).join(''), 'two three four')
  assert.is(result.nextSeq, 5)
  assert.is((await again.start('p')).error?.message, 'process p already exists')
})

test('a start that is under way when the connection breaks becomes a process of the resumed session', async () => {
  const { client, server, host, clock } = await ready()
  const release = host.holdSpawns()
  client.begin('process/start', startParams('p'))
  client.drop()
  const again = await MemoryClient.ready(server, client.sessionId)
  release()
  await settled()
  host.child.output('stdout', 'hello')
  clock.turn()
  await settled()
  assert.is(again.output('p'), 'hello')
  assert.is(client.transport.messages.length, 1)
})

test('a read that waits when the wire breaks neither holds the session nor answers anyone', async () => {
  const { client, server, clock } = await ready()
  await client.start('p')
  client.begin('process/read', { processId: 'p', waitMs: 1e9 })
  await settled()
  const before = client.transport.messages.length
  client.drop()
  const again = await MemoryClient.ready(server, client.sessionId)
  assert.ok(again.sessionId)
  assert.is(client.transport.messages.length, before)
  assert.is(clock.timers, 0)
})

test('nothing is sent to a client that is gone', async () => {
  const { client, host, clock } = await ready()
  await client.start('p')
  host.child.output('stdout', 'x')
  clock.turn()
  client.drop()
  const before = client.transport.messages.length
  client.connection.receive(new TextEncoder().encode('not-json'))
  client.connection.refuse('nothing')
  client.connection.drained()
  await settled()
  assert.is(client.transport.messages.length, before)
})

test('a connection that is gone takes no event from the one that follows it', async () => {
  const { client, server, host, clock } = await ready({ outboundOutput: 100 })
  await client.start('p')
  client.transport.slow = true
  for (let count = 0; count < 5; count++) {
    host.child.output('stdout', 'old')
    clock.turn()
    await settled()
  }
  client.drop()
  const again = await MemoryClient.ready(server, client.sessionId)
  host.child.output('stdout', 'new')
  clock.turn()
  client.transport.drain()
  client.connection.drained()
  await settled()
  assert.is(again.output('p'), 'new')
})

test('a child that waited for a slow client goes on when that is gone', async () => {
  const { client, host, clock } = await ready()
  await client.start('p')
  client.transport.slow = true
  for (let count = 0; count < 20; count++) {
    host.child.output('stdout', new Uint8Array(64 * 1024))
    clock.turn()
    await settled()
  }
  assert.ok(host.child.paused)
  client.drop()
  host.child.flow()
  assert.equal([host.child.paused, host.child.unread], [false, 0])
})

test('file calls that wait for room end without reading when their client is gone, and what was read is freed', async () => {
  const { client, host } = await ready({ outboundTotal: 1000 })
  let ended = 0
  const read: Uint8Array[] = []
  host.serveFile = async (_method, [, { reserve }]) => {
    try {
      await reserve(100_000)
    } finally {
      ended++
    }
    read.push(new Uint8Array(100_000))
    await settled()
    return read.at(-1)
  }
  client.transport.slow = true
  for (let count = 0; count < 5; count++) client.begin('fs/readFile', { path: '/f' })
  await Promise.resolve()
  client.drop()
  await settled()
  await settled()
  assert.is(ended, 5)
  assert.equal(
    read.map(({ length }) => length),
    [0],
  )
})

// ---- many and slow ----

test('20,000 requests before the first answer is read are all answered', async () => {
  const { client } = await ready({ outboundTotal: 64 * 1024 })
  client.transport.slow = true
  const COUNT = 20_000
  for (let index = 0; index < COUNT; index++) {
    if (index % 4 === 0) client.begin('environment/status')
    else if (index % 4 === 1) client.begin('process/read', { processId: 'none' })
    else if (index % 4 === 2) client.begin('unknown/method')
    else client.say('malformed')
  }
  await settled()
  assert.ok(client.transport.inputPaused)
  await client.drain()
  assert.not(client.transport.inputPaused)
  assert.is(client.answers.length, COUNT + 1)
  assert.is(new Set(client.answers.map(({ id }) => id)).size, 1 + 1 + (COUNT * 3) / 4)
  // What was queued: the bound, the message that passed it, and the answers to what was already read.
  assert.ok(client.transport.mostQueued < 2 * 64 * 1024)
})

test('20,000 requests with output flowing are all answered too', async () => {
  const { client, host, clock } = await ready({ outboundTotal: 256 * 1024 })
  for (const id of ['a', 'b', 'c', 'd']) await client.start(id)
  client.transport.slow = true
  const ids: number[] = []
  for (let index = 0; index < 20_000; index++) {
    ids.push(client.begin('process/signal', { processId: 'a', signal: 'interrupt' }))
    if (index % 50 === 0) {
      for (const child of host.children) child.output('stdout', 'y\n'.repeat(500))
      clock.turn()
    }
  }
  for (let round = 0; round < 400 && host.children.some(({ unread }) => unread > 0); round++) {
    await client.drain()
    for (const child of host.children) child.flow()
    clock.turn()
  }
  await client.drain()
  const answered = new Set(client.answers.map(({ id }) => id))
  assert.is(ids.filter((id) => !answered.has(id)).length, 0)
  for (const id of ['a', 'b', 'c', 'd']) assert.is(client.output(id).length, 400 * 1000)
})

test('a client that stops reading pauses the children that write to it, and no others', async () => {
  const { client, server, host, clock } = await ready()
  const other = await MemoryClient.ready(server)
  for (const id of ['flood', 'quiet']) await client.start(id)
  await other.start('other')
  const [flood, quiet, elsewhere] = host.children
  client.transport.slow = true
  const piece = new Uint8Array(64 * 1024).fill(0x79)
  const write = async (): Promise<void> => {
    for (const child of [flood, elsewhere]) child?.output('stdout', piece)
    clock.turn()
    await settled()
  }
  for (let count = 0; count < 40; count++) await write()
  quiet?.output('stdout', 'q')
  clock.turn()
  await settled()
  assert.equal([flood?.paused, quiet?.paused, elsewhere?.paused], [true, false, false])
  // The bound and one event, whose base64 is a third larger than its bytes.
  assert.ok(client.transport.mostQueued < 256 * 1024 + 100 * 1024)
  assert.is(other.output('other').length, 40 * piece.length)

  for (let round = 0; round < 100 && (flood?.unread ?? 0) > 0; round++) {
    await client.drain()
    flood?.flow()
    clock.turn()
  }
  await client.drain()
  assert.is(client.output('flood').length, 40 * piece.length)
  assert.is(client.output('quiet'), 'q')
  const seqs = client.events('flood').map(({ params }) => params.seq)
  assert.equal(
    seqs,
    seqs.map((_, index) => index + 1),
  )
})

test('an answer does not wait behind the backlog of a flood', async () => {
  const { client, host, clock } = await ready()
  await client.start('flood')
  client.transport.slow = true
  for (let count = 0; count < 10; count++) {
    host.child.output('stdout', new Uint8Array(64 * 1024))
    clock.turn()
    await settled()
  }
  const backlog = client.transport.queued()
  const { result } = await client.ask('environment/status')
  assert.ok(result && backlog < 400 * 1024)
})

test('large files that are asked for all at once are read one after the other, as their client takes them', async () => {
  const { client, host } = await ready({ outboundTotal: 100_000 })
  let [inMemory, most] = [0, 0]
  host.serveFile = async (_method, [, { reserve }]) => {
    await reserve(30_000)
    most = Math.max(most, ++inMemory)
    await settled()
    inMemory--
    return new Uint8Array(30_000)
  }
  client.transport.slow = true
  const ids = Array.from({ length: 50 }, () => client.begin('fs/readFile', { path: '/f' }))
  for (let round = 0; round < 60 && ids.some((id) => client.answer(id) === undefined); round++) {
    await settled()
    await client.drain()
  }
  assert.equal(
    ids.filter((id) => client.answer(id)?.result.dataBase64.length !== 40_000),
    [],
  )
  assert.ok(most <= 3, `${most} at once`)
  assert.ok(client.transport.mostQueued <= 200_000)
})

test('requests that wait for a disk hold up further reading once they are as large as two messages', async () => {
  const { client, host } = await ready({ messageBytes: 1000 })
  const { promise, resolve } = Promise.withResolvers<unknown>()
  host.serveFile = () => promise
  const ids = Array.from({ length: 30 }, () =>
    client.begin('fs/writeFile', { path: '/f', dataBase64: 'A'.repeat(200) }),
  )
  await settled()
  assert.ok(client.transport.inputPaused)
  resolve(undefined)
  await settled()
  assert.not(client.transport.inputPaused)
  assert.equal(
    ids.filter((id) => client.answer(id) === undefined),
    [],
  )
})

// ---- answers that fail ----

test('a fault of ours is reported, answered as internal, and is the end of nothing', async () => {
  const { client, host } = await ready()
  const fault = new TypeError('x is not a function')
  host.serveFile = () => Promise.reject(fault)
  assert.equal((await client.ask('fs/readFile', { path: '/' })).error, {
    code: ErrorCode.Internal,
    message: 'internal error',
  })
  host.environmentInfo = () => {
    throw fault
  }
  assert.is((await client.ask('environment/info')).error?.code, ErrorCode.Internal)
  assert.equal(host.faults, [fault, fault])
  host.serveFile = () => Promise.reject(new RpcError(ErrorCode.NotFound, 'No such file or directory (os error 2)'))
  assert.is((await client.ask('fs/readFile', { path: '/' })).error?.code, ErrorCode.NotFound)
  assert.is(host.faults.length, 2)
})

test('an initialize that fails in the host leaves no session behind', async () => {
  const { client, host } = setup()
  const { environmentInfo } = host
  host.environmentInfo = () => {
    throw new Error('no shell')
  }
  assert.is((await client.ask('initialize', HELLO)).error?.code, ErrorCode.Internal)
  host.environmentInfo = environmentInfo
  assert.is((await client.ask('initialize', HELLO)).result.sessionId, 'session-1')
})

test('an answer larger than a message is refused, counted in bytes', async () => {
  const { client, host } = await ready({ messageBytes: 1000 })
  const name = (letter: string, count: number) => [{ fileName: letter.repeat(count), isDirectory: false, isFile: true }]
  for (const [letter, count, fits] of [
    ['a', 800, true],
    ['a', 1000, false],
    ['é', 300, true],
    ['é', 800, false],
    ['語', 500, false],
  ] as const) {
    host.serveFile = async () => name(letter, count)
    const { result, error } = await client.ask('fs/readDirectory', { path: '/' })
    assert.equal(
      [result !== undefined, error?.code],
      fits ? [true, undefined] : [false, ErrorCode.InvalidRequest],
      `${count} of ${letter}`,
    )
  }
  host.serveFile = async () => new Uint8Array(800)
  assert.is((await client.ask('fs/readFile', { path: '/' })).error?.code, ErrorCode.InvalidRequest)
})

test('bytes leave as parts, which are never joined before the transport', async () => {
  const { client, host } = await ready()
  const sent: unknown[] = []
  const send = client.transport.send.bind(client.transport)
  client.transport.send = (message) => {
    sent.push(message)
    send(message)
  }
  host.serveFile = async () => new Uint8Array(10)
  await client.ask('fs/readFile', { path: '/' })
  assert.instance(sent[0], RawJson)
})

// ---- anything at all ----

test('any sequence of messages is survived, and every request is answered once', async () => {
  const params = fc.constantFrom(
    undefined,
    null,
    {},
    [],
    5,
    HELLO,
    startParams('p', { pipeStdin: true }),
    { processId: 'p' },
    { processId: 'p', waitMs: 5 },
    { processId: 'p', chunk: 'QQ==' },
    { processId: 'p', signal: 'interrupt' },
    { path: '/a', dataBase64: '' },
    { path: 'a' },
  )
  const method = fc.constantFrom(
    'initialize',
    'process/start',
    'process/read',
    'process/write',
    'process/signal',
    'process/terminate',
    'fs/writeFile',
    'fs/readDirectory',
    'environment/info',
    'nonsense',
  )
  const act = fc.oneof(
    { weight: 12, arbitrary: fc.record({ method, params }) },
    { weight: 2, arbitrary: fc.constant('initialized' as const) },
    {
      weight: 4,
      arbitrary: fc.constantFrom('output' as const, 'exit' as const, 'time' as const, 'malformed' as const),
    },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40, size: 'max' }), fc.boolean(), async (acts, withHandshake) => {
      const { server, host, clock } = fakeServer()
      host.serveFile = async (method) => (method === 'readDirectory' ? [] : undefined)
      const client = withHandshake ? await MemoryClient.ready(server) : new MemoryClient(server)
      const ids: number[] = []
      let malformed = 0
      const exited = new Set<unknown>()
      for (const act of acts) {
        if (act === 'initialized') {
          client.say({ method: 'initialized' })
        } else if (act === 'malformed') {
          malformed++
          client.say('malformed')
        } else if (act === 'time') {
          clock.advance(3)
        } else if (act === 'output') {
          for (const child of host.children) if (!exited.has(child)) child.output('stdout', 'x')
        } else if (act === 'exit') {
          for (const child of host.children) {
            if (exited.has(child)) continue
            exited.add(child)
            child.exit(0)
            child.end()
          }
        } else ids.push(client.begin(act.method, act.params))
        await settled()
        if (client.transport.closed !== undefined) break
      }
      clock.advance(10)
      await settled()
      const answered = client.answers.map(({ id }) => id).filter((id) => id !== -1)
      assert.equal([...answered].sort(), [...new Set(answered)].sort())
      assert.equal(
        ids.filter((id) => !answered.includes(id)),
        [],
      )
      assert.is(client.answers.filter(({ id }) => id === -1).length, malformed)
      assert.equal(host.faults, [])
    }),
    { numRuns: 150 },
  )
})

test.run()
