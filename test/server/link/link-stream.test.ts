/** The bytes of a link, over real WebSockets. */
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import * as assert from 'uvu/assert'
import { defaultLinkLimits } from '../../../src/server/link/link-limits.ts'
import { LinkStream } from '../../../src/server/link/link-stream.ts'
import { websocketPair } from '../../support/web/websocket-pair.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

/** A link, and what is at its other end. */
async function link(changed: Partial<typeof defaultLinkLimits> = {}) {
  const limits = { ...defaultLinkLimits, ...changed }
  const { devbox, accept } = await websocketPair()
  return { stream: new LinkStream(devbox.websocket, devbox.carrier, limits), peer: accept, limits }
}

async function pair(changed: Partial<typeof defaultLinkLimits> = {}): Promise<[LinkStream, LinkStream]> {
  const { stream, peer, limits } = await link(changed)
  return [stream, new LinkStream(peer.websocket, peer.carrier, limits)]
}

/** Resolves at the end, with or without an error. */
const closed = (stream: LinkStream): Promise<void> => new Promise((resolve) => void stream.once('close', resolve))

test('bytes arrive as they were written, both ways, whatever their number, and so does the end', async () => {
  const [one, other] = await pair()
  const much = Buffer.alloc(3_000_001, 'abcdefg')
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const arrived: Buffer[] = []
    to.on('data', (bytes: Buffer) => arrived.push(bytes))
    for (const bytes of [Buffer.from('a'), Buffer.alloc(0), much, Buffer.from('z')]) from.write(bytes)
    await eventually(() => arrived.reduce((sum, { length }) => sum + length, 0) === much.length + 2)
    assert.equal(Buffer.concat(arrived), Buffer.concat([Buffer.from('a'), much, Buffer.from('z')]))
  }
  one.end('bye')
  const [ended] = await Promise.all([once(other, 'end'), once(one, 'close')])
  assert.equal(ended, [])
})

test('no message has more bytes than a link may send at a time', async () => {
  const { stream, peer } = await link({ linkChunkBytes: 1000 })
  const lengths: number[] = []
  peer.websocket.on('message', (data: Buffer) => lengths.push(data.length))
  stream.cork()
  for (let times = 0; times < 20; times++) stream.write(Buffer.alloc(10))
  stream.uncork()
  stream.end(Buffer.alloc(2500))
  await once(peer.websocket, 'close')
  assert.is(
    lengths.reduce((sum, length) => sum + length),
    2700,
  )
  assert.is(Math.max(...lengths), 1000)
  // Small pieces that are written together share a message.
  assert.is(lengths[0], 200)
})

test('a reader that does not read holds the writer back', async () => {
  const [from, to] = await pair()
  const bytes = Buffer.alloc(8 * 1024 * 1024)
  let isWritten = false
  from.write(bytes, () => (isWritten = true))
  await eventually(() => to.readableLength > 0 && from.carrier.writableLength > 0)
  assert.not(isWritten)
  assert.ok(to.readableLength < bytes.length / 8)
  from.end()
  assert.is((await buffer(to)).length, bytes.length)
})

test('the first byte is announced before it can be read, once', async () => {
  const [from, to] = await pair()
  let used = 0
  to.on('used', () => {
    used++
    assert.is(to.readableLength, 0)
  })
  from.ping()
  await once(to, 'alive')
  assert.is(used, 0)
  from.write('a')
  from.write('b')
  await eventually(() => to.readableLength === 2)
  assert.is(used, 1)
})

test('a text message is no part of a link', async () => {
  const { stream, peer } = await link()
  peer.websocket.send('text')
  assert.is((await once(peer.websocket, 'close'))[0], 4400)
  await eventually(() => stream.destroyed)
})

test('an end that falls silent is given up, one that only does not send is not', async () => {
  const limits = { heartbeatMs: 20, missedHeartbeats: 3 }
  const { stream, peer } = await link(limits)
  let pings = 0
  peer.websocket.on('ping', () => pings++)
  await eventually(() => pings > 2 * limits.missedHeartbeats)
  assert.not(stream.destroyed)
  peer.carrier.pause()
  await closed(stream)
  assert.match(stream.errored?.message ?? '', 'fallen silent')
})

test('an end is not given up for what this one does not read', async () => {
  const { stream, peer } = await link({ heartbeatMs: 10, missedHeartbeats: 2 })
  const bytes = Buffer.alloc(64 * 1024)
  for (let times = 0; times < 100; times++) peer.websocket.send(bytes)
  // Its own pings go on, and count the time.
  let pings = 0
  peer.websocket.on('ping', () => pings++)
  await eventually(() => pings > 6)
  assert.not(stream.destroyed)
  stream.destroy()
})

test('a lost link is no orderly end', async () => {
  const [one, other] = await pair()
  one.write('a')
  await once(other, 'used')
  let ended = false
  other.on('end', () => (ended = true)).resume()
  one.destroy()
  await closed(other)
  assert.not(ended)
})

test('a link that waits ends with its WebSocket, whatever the code', async () => {
  for (const code of [1000, 1001]) {
    const { stream, peer } = await link()
    peer.websocket.close(code)
    await closed(stream)
  }
})

test.run()
