/** The network connections of a client, with peers that do what the test says. */
import * as assert from 'uvu/assert'
import { CloseCode } from '../../../src/core/base/transport.ts'
import { ErrorCode, internalError } from '../../../src/protocol/wire/errors.ts'
import { FakeSocket, netSetup, told } from '../../support/fakes/fake-socket.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

type Setup = Awaited<ReturnType<typeof netSetup>>

const WINDOW = 100

/** Opens a connection and returns the peer's end. */
async function open({ client, sockets }: Setup, connectionId: string, more: object = {}): Promise<FakeSocket> {
  const { error } = await client.ask('net/connect', { connectionId, port: 80, window: WINDOW, ...more })
  if (error !== undefined) throw new Error(error.message)
  return sockets.at(-1) as FakeSocket
}

const write = (client: MemoryClient, connectionId: string, text: string) =>
  client.ask('net/write', { connectionId, chunk: btoa(text) })

test('data goes both ways, each way ends by itself, and the last notification is that it is closed', async () => {
  const setup = await netSetup()
  const { client, server, targets } = setup
  const { result } = await client.ask('net/connect', { connectionId: 'c', port: 80, window: WINDOW })
  assert.equal(result, { window: 512 * 1024, maxWrites: 1024, remote: { address: '127.0.0.1', port: 80 } })
  assert.equal(targets, [{ host: 'localhost', port: 80 }])
  const socket = setup.sockets[0] as FakeSocket
  socket.sends('hello', ' there')
  assert.equal((await write(client, 'c', 'ping')).result, {})
  await settled()
  assert.is(socket.input, 'ping')
  assert.equal(told(client, 'c'), ['data hello', 'data  there'])
  socket.sends(undefined)
  await settled()
  await write(client, 'c', ' pong')
  assert.equal([socket.input, socket.hasEnded], ['ping pong', false])
  await client.ask('net/end', { connectionId: 'c' })
  assert.ok(socket.hasEnded)
  assert.is(server.snapshot().netConnections, 1)
  socket.breaks()
  await settled()
  assert.equal(told(client, 'c').slice(2), ['end null', 'closed null'])
  assert.is(server.snapshot().netConnections, 0)
})

test('the bytes of a large write stay as they are until the peer has taken them', async () => {
  const setup = await netSetup()
  const socket = await open(setup, 'c')
  const chunk = Buffer.alloc(128 * 1024, 'x')
  const text = JSON.stringify({
    id: 9,
    method: 'net/write',
    params: { connectionId: 'c', chunk: chunk.toString('base64') },
  })
  assert.ok(setup.client.connection.receive(new TextEncoder().encode(text)), 'the message is still used')
  await settled()
  assert.is(Buffer.compare(socket.written[0] as Uint8Array, chunk), 0)
})

test('a peer is not read while more than the window is unacknowledged', async () => {
  const setup = await netSetup()
  const { client } = setup
  const socket = await open(setup, 'c', { window: 25 })
  socket.sends(...Array.from({ length: 10 }, () => '0123456789'))
  await settled()
  assert.is(socket.taken, 3)
  await client.ask('net/acknowledge', { connectionId: 'c', seq: 2 })
  assert.is(socket.taken, 5)
})

test('the client learns what the peer has taken, a quarter of the window at a time', async () => {
  const setup = await netSetup({ netWindow: 100, netWindowLeast: 100 })
  const { client } = setup
  const socket = await open(setup, 'c')
  for (let count = 0; count < 6; count++) await write(client, 'c', '0123456789')
  socket.takes(2)
  await settled()
  assert.equal(told(client, 'c'), [])
  socket.takes(1)
  await settled()
  assert.equal(told(client, 'c'), ['written 3'])
  socket.takes()
  await settled()
  assert.equal(told(client, 'c'), ['written 3', 'written 6'])
})

test('a client that writes more than its window, or too many small pieces, loses the connection', async () => {
  const setup = await netSetup({ netWindow: 20, netWindowLeast: 20, netUnacknowledged: 3 })
  const { client } = setup
  const large = await open(setup, 'large')
  await write(client, 'large', '0123456789')
  const { error } = await write(client, 'large', '01234567890')
  assert.is(error?.code, ErrorCode.InvalidRequest)
  assert.equal(told(client, 'large'), ['closed more was written than the window allows'])
  assert.ok(large.isClosed)
  await open(setup, 'many')
  for (let count = 0; count < 3; count++) assert.equal((await write(client, 'many', '')).result, {})
  assert.is((await write(client, 'many', '')).error?.code, ErrorCode.InvalidRequest)
  assert.equal((await write(client, 'many', 'x')).result, {}, 'a connection that is over is ignored')
})

test('what breaks off ends both ways with the reason', async () => {
  const setup = await netSetup()
  const socket = await open(setup, 'c')
  socket.breaks(new Error('Connection reset by peer (os error 104)'))
  await settled()
  assert.equal(told(setup.client, 'c'), ['end broken off', 'closed Connection reset by peer (os error 104)'])
})

test('a connection that is given up is closed without a further notification, and its id is free', async () => {
  const setup = await netSetup()
  const { client } = setup
  const socket = await open(setup, 'c')
  socket.sends('data')
  await client.ask('net/close', { connectionId: 'c' })
  assert.ok(socket.isClosed)
  await settled()
  assert.equal(
    told(client, 'c').filter((text) => !text.startsWith('data')),
    [],
  )
  assert.is((await open(setup, 'c')).isClosed, false)
})

test('what cannot be opened is an error, and leaves nothing behind', async () => {
  const setup = await netSetup()
  const { client, opening, server } = setup
  opening.connect = async () => {
    throw internalError('localhost:80: Connection refused (os error 111)')
  }
  const { error } = await client.ask('net/connect', { connectionId: 'c', port: 80, window: WINDOW })
  assert.equal(error, { code: ErrorCode.Internal, message: 'localhost:80: Connection refused (os error 111)' })
  assert.is(server.snapshot().netConnections, 0)
  const wrong = [
    {},
    { port: 0 },
    { port: 65_536 },
    { port: 80, path: '/x' },
    { host: 'x' },
    { host: 'x', path: '/x' },
    { path: 'relative' },
    { port: 80, window: 0 },
    { port: 80, connectionId: 'x'.repeat(65) },
  ]
  for (const params of wrong) {
    const answer = await client.ask('net/connect', { connectionId: 'c', window: WINDOW, ...params })
    assert.is(answer.error?.code, ErrorCode.InvalidParams, JSON.stringify(params))
  }
})

test('a connection that takes too long, is given up or loses its client is closed when it opens after all', async () => {
  const setup = await netSetup({ netConnectMs: 1000 })
  const { client, clock, opening, sockets } = setup
  const opens: (() => void)[] = []
  opening.connect = (socket) => new Promise((resolve) => opens.push(() => resolve(socket)))
  const begin = (connectionId: string): number =>
    client.begin('net/connect', { connectionId, port: 80, window: WINDOW })
  const slow = begin('slow')
  await settled()
  clock.advance(1000)
  await settled()
  assert.is(client.answer(slow)?.error?.message, 'no connection within 1000 ms')
  const closed = begin('closed')
  await client.ask('net/close', { connectionId: 'closed' })
  assert.is(client.answer(closed)?.error?.message, 'it was closed')
  begin('lost')
  await settled()
  client.connection.gone()
  for (const resolve of opens) resolve()
  await settled()
  assert.equal(
    sockets.map(({ isClosed }) => isClosed),
    [true, true, true],
  )
  assert.is(clock.timers, 1, 'that of the session, which waits for its client')
})

test('connections are bounded for each client and for the server, and there is room again when one has ended', async () => {
  const setup = await netSetup({ netConnections: 2, netTotal: 3 })
  const { client, server } = setup
  const connect = (by: MemoryClient, connectionId: string) =>
    by.ask('net/connect', { connectionId, port: 80, window: WINDOW })
  await open(setup, 'a')
  await open(setup, 'b')
  assert.is((await connect(client, 'a')).error?.code, ErrorCode.InvalidParams, 'the id is in use')
  assert.is((await connect(client, 'c')).error?.code, ErrorCode.Overloaded)
  const other = await MemoryClient.ready(server)
  assert.ok((await connect(other, 'a')).result)
  assert.is((await connect(other, 'b')).error?.code, ErrorCode.Overloaded)
  await client.ask('net/close', { connectionId: 'a' })
  assert.ok((await connect(other, 'b')).result)
})

test('the windows of many connections are smaller, so that together they are bounded', async () => {
  const { client } = await netSetup({ netWindow: 1000, netWindowLeast: 10, netWindowsTotal: 4000 })
  const windows: number[] = []
  for (let count = 0; count < 40; count++) {
    const { result } = await client.ask('net/connect', { connectionId: `${count}`, port: 80, window: WINDOW })
    windows.push(result.window)
  }
  assert.is(windows[0], 500)
  assert.is(windows.at(-1), 10)
  const large = windows.filter((window) => window > 10)
  assert.ok(large.reduce((sum, window) => sum + window, 0) <= 4000)
})

test('when the client is gone its connections are closed and its listeners with them', async () => {
  const setup = await netSetup()
  const { client, state, server } = setup
  const socket = await open(setup, 'c')
  await client.ask('net/listen', { listenerId: 'l', port: 8080, window: WINDOW })
  assert.is(state.openListeners, 1)
  client.connection.gone()
  assert.equal([socket.isClosed, state.openListeners, server.snapshot().netConnections], [true, 0, 0])
})

test('an accepted connection is announced before what it sends, and has an id that no other has', async () => {
  const setup = await netSetup()
  const { client, accepts, state } = setup
  await open(setup, 'accepted-1')
  const { result } = await client.ask('net/listen', { listenerId: 'l', port: 0, window: WINDOW })
  assert.equal(result, { local: { address: '127.0.0.1', port: 8080 } })
  const socket = new FakeSocket()
  socket.sends('first')
  accepts[0]?.(socket)
  await settled()
  assert.equal(told(client, 'accepted-2'), ['accepted', 'data first'])
  await write(client, 'accepted-2', 'answer')
  assert.is(socket.input, 'answer')
  await client.ask('net/unlisten', { listenerId: 'l' })
  assert.equal([state.openListeners, socket.isClosed], [0, false])
})

test('beyond the limit what comes in is closed at once, and listeners are bounded', async () => {
  const setup = await netSetup({ netConnections: 1, netListeners: 1 })
  const { client, accepts } = setup
  await client.ask('net/listen', { listenerId: 'l', port: 0, window: WINDOW })
  const second = await client.ask('net/listen', { listenerId: 'm', port: 0, window: WINDOW })
  assert.is(second.error?.code, ErrorCode.Overloaded)
  const sockets = [new FakeSocket(), new FakeSocket()]
  for (const socket of sockets) accepts[0]?.(socket)
  assert.equal(
    sockets.map(({ isClosed }) => isClosed),
    [false, true],
  )
})

test('a draining server opens nothing new, and lets what is open go on', async () => {
  const setup = await netSetup({ drainMs: 1000 })
  const { client, server } = setup
  const socket = await open(setup, 'c')
  void server.drain()
  const { error } = await client.ask('net/connect', { connectionId: 'd', port: 80, window: WINDOW })
  assert.is(error?.code, ErrorCode.Overloaded)
  await write(client, 'c', 'on')
  assert.is(socket.input, 'on')
  client.connection.close(CloseCode.GoingAway, 'test')
  await settled()
  assert.ok(socket.isClosed)
})

test.run()
