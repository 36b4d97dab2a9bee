/** Messages as bytes and back, however the bytes are cut. */
import * as assert from 'uvu/assert'
import { decodeMessages, messageSink } from '../../../src/host/copy/frames.ts'
import type { Entry, Message } from '../../../src/host/copy/messages.ts'
import { test } from '../../support/suite.ts'

async function encoded(messages: readonly Message[]): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  const sink = messageSink(async (bytes) => void pieces.push(bytes))
  for (const message of messages) await sink.send(message)
  await sink.flush()
  return Buffer.concat(pieces)
}

async function decoded(bytes: Uint8Array, pieceBytes: number): Promise<Message[]> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  }
  const messages: Message[] = []
  for await (const message of decodeMessages(pieces())) messages.push(message)
  return messages
}

const ENTRY: Entry = {
  type: 'entry',
  kind: 'file',
  source: '/a\udcff',
  root: 0,
  rootName: 'a\udcff',
  path: '',
  mode: 0o644,
  size: 0,
  accessNs: '0',
  modifiedNs: '-5',
  id: '1:2',
  uid: 0,
  gid: 0,
}

const small = (length: number): Message => ({
  type: 'small',
  entry: ENTRY,
  crc: 5,
  bytes: new Uint8Array(length).fill(7),
})

/** Joins the pieces of data that follow each other. */
function joined(messages: readonly Message[]): Message[] {
  const all: Message[] = []
  for (const message of messages) {
    const last = all.at(-1)
    if (message.type === 'data' && last?.type === 'data') {
      all[all.length - 1] = { type: 'data', bytes: new Uint8Array(Buffer.concat([last.bytes, message.bytes])) }
    } else if (message.type === 'data' || message.type === 'small')
      all.push({ ...message, bytes: new Uint8Array(message.bytes) })
    else all.push(message)
  }
  return all
}

const data = (length: number): Message => ({ type: 'data', bytes: new Uint8Array(length).fill(length % 251) })

test('messages come out as they went in, wherever the bytes are cut', async () => {
  const messages: Message[] = [
    { type: 'roots', machine: 'm', count: 1 },
    data(1),
    { type: 'end', crc: 1, size: 1 },
    data(70_000),
    { type: 'hole', length: 5_000_000_000 },
    data(300_000),
    small(60_000),
    small(0),
    { type: 'fatal', text: 'not UTF-8: \udcff' },
  ]
  const bytes = await encoded(messages)
  for (const pieceBytes of [4099, 64 * 1024, bytes.length])
    assert.equal(joined(await decoded(bytes, pieceBytes)), messages)
})

test('heads and texts are joined from single bytes', async () => {
  const messages: Message[] = [{ type: 'roots', machine: 'm', count: 1 }, data(3), { type: 'finish' }]
  assert.equal(joined(await decoded(await encoded(messages), 1)), messages)
})

test('a stream that ends within a message, or is none, is an error', async () => {
  const bytes = await encoded([{ type: 'finish' }])
  for (const [some, message] of [
    [bytes.subarray(0, -1), /breaks off/],
    [Buffer.from('sh: 1: no such command\n'), /something else/],
    [Buffer.from([1, 0, 0, 0, 0]), /something else/],
  ] as const) {
    try {
      await decoded(some, 5)
      assert.unreachable()
    } catch (error) {
      assert.match((error as Error).message, message)
    }
  }
})

test('a sign of life never comes between a message and its bytes', async () => {
  const pieces: Uint8Array[] = []
  let release = (): void => {}
  const sink = messageSink(async (bytes) => {
    pieces.push(bytes)
    await new Promise<void>((resolve) => (release = resolve))
  })
  const sent = sink.send(data(300_000))
  sink.sendIfIdle({ type: 'alive' })
  release()
  await new Promise((resolve) => setImmediate(resolve))
  sink.sendIfIdle({ type: 'alive' })
  release()
  await sent
  const flushed = sink.flush()
  release()
  await flushed
  assert.is(pieces.length, 3)
  assert.equal(joined(await decoded(Buffer.concat(pieces), 1000)), [data(300_000)])
})

test('large data leaves in as many bytes as writes of the protocol carry, but for the rest', async () => {
  const lengths: number[] = []
  const sink = messageSink(async (bytes) => void lengths.push(bytes.length))
  for (let index = 0; index < 8; index++) await sink.send(data(256 * 1024))
  assert.ok(
    lengths.every((length) => length % (64 * 1024) === 0),
    lengths.join(),
  )
  await sink.flush()
  assert.is(
    lengths.reduce((sum, length) => sum + length, 0),
    8 * (256 * 1024 + 5),
  )
})

test.run()
