/** Large messages and the end of a connection, over a real socket. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { WebSocket, WebSocketServer } from 'ws'
import { defaultServeLimits } from '../../../src/cli/serve/limits.ts'
import { RawJson } from '../../../src/core/base/json-fragments.ts'
import { silentObserver } from '../../../src/core/base/observer.ts'
import { CloseCode } from '../../../src/core/base/transport.ts'
import type { Transport } from '../../../src/core/base/transport.ts'
import { websocketTransport } from '../../../src/server/transports/websocket-transport.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const MiB = 1024 * 1024

/** A client, and the server's side of its connection. */
async function connected({ closeTimeoutMs = 60_000 } = {}): Promise<{
  client: WebSocket
  websocket: WebSocket
  transport: Transport
}> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const opened = once(server, 'connection') as Promise<[WebSocket, { socket: Socket }]>
  const client = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
  atEnd(() => {
    client.terminate()
    server.close()
  })
  const [[websocket, { socket }]] = await Promise.all([opened, once(client, 'open')])
  websocket.on('error', () => {})
  atEnd(() => websocket.terminate())
  const { totals } = silentObserver()
  const options = { carrier: socket, limits: { ...defaultServeLimits, closeTimeoutMs }, totals, onDrained: () => {} }
  return { client, websocket, transport: websocketTransport(websocket, socket, options) }
}

/** More than the buffers of two sockets hold. */
const large = (bytes = new Uint8Array(12 * MiB)): RawJson => new RawJson('', bytes, '', true)

test('a large message arrives whole before the close frame, with a pong between its fragments', async () => {
  const { client, transport } = await connected()
  const message = large()
  const { length } = message
  const events: string[] = []
  client.on('pong', () => events.push('pong'))
  client.on('message', (data: Buffer) => events.push(`message of ${data.length}`))
  client.on('close', (code) => events.push(`close ${code}`))
  // The answer to the ping is behind what the socket has already, and before what has not been encoded yet.
  transport.send(message)
  client.ping()
  await once(client, 'pong')
  transport.close(CloseCode.GoingAway, '')
  await once(client, 'close')
  assert.equal(events, ['pong', `message of ${length}`, 'close 1001'])
})

test('a client that takes nothing more is cut off, and what it did not take is freed', async () => {
  const { client, websocket, transport } = await connected({ closeTimeoutMs: 100 })
  client.pause()
  const bytes = new Uint8Array(12 * MiB)
  transport.send(large(bytes))
  transport.close(CloseCode.GoingAway, '')
  await once(websocket, 'close')
  await eventually(() => bytes.length === 0)
  assert.is(transport.queued(), 0)
})

test('a client that closes in the middle of a message gets its close frame, and the message is freed', async () => {
  const { client, websocket, transport } = await connected()
  const bytes = new Uint8Array(12 * MiB)
  transport.send(large(bytes))
  client.once('ping', () => client.close(1000))
  websocket.ping()
  const [code] = (await once(client, 'close')) as [number]
  assert.is(code, 1000)
  assert.is(bytes.length, 0)
})

test('an answer of the same turn as the close frame of the client is sent before the close frame', async () => {
  const { client, websocket, transport } = await connected()
  const answers: string[] = []
  client.on('message', (data: Buffer) => answers.push(data.toString()))
  websocket.on('message', () => transport.send('answer'))
  client.send('request')
  client.close(1000)
  await once(client, 'close')
  assert.equal(answers, ['answer'])
})

test.run()
