/** The reader of large frames, beside the reader of `ws` without it. */
import { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import * as ws from 'ws'
import { receiverOf } from '../../../src/host/node-internals.ts'
import { MAX_TEXT_BYTES } from '../../../src/protocol/limits.ts'
import { readLargeFrames } from '../../../src/server/transports/large-frames.ts'
import { test } from '../../support/suite.ts'

const KiB = 1024

type Frame = { opcode: number; fin: boolean; payload: Buffer; mask: Buffer }

const Opcode = { Continuation: 0, Text: 1, Ping: 9 } as const

/** A frame of a client, whose payload has every byte value of ASCII in turn. */
function frame({ opcode, fin, bytes, mask }: { opcode: number; fin: boolean; bytes: number; mask: number }): Frame {
  const payload = Buffer.alloc(bytes, Buffer.from(Array.from({ length: 127 }, (_, index) => index)))
  const key = Buffer.alloc(4)
  key.writeUInt32BE(mask)
  return { opcode, fin, payload, mask: key }
}

function encoded({ opcode, fin, payload, mask }: Frame): Buffer {
  const { length } = payload
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  header[0] = (fin ? 0x80 : 0) | opcode
  header[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127)
  if (length >= 65_536) header.writeUIntBE(length, 4, 6)
  else if (length >= 126) header.writeUInt16BE(length, 2)
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] as number))
  return Buffer.concat([header, mask, masked])
}

/** What a receiver makes of `bytes` that arrive in these pieces: its messages and pings, or its error. */
async function received(pieces: readonly Buffer[], isLarge: boolean): Promise<string[]> {
  const Receiver: unknown = Reflect.get(ws, 'Receiver')
  assert.ok(typeof Receiver === 'function')
  const receiver: unknown = Reflect.construct(Receiver, [{ isServer: true, allowSynchronousEvents: true }])
  assert.ok(receiver instanceof Writable)
  const frames = receiverOf({ _receiver: receiver })
  assert.ok(frames)
  const events: string[] = []
  let asked = 0
  if (isLarge)
    readLargeFrames(frames, {
      mayRead: () => asked++ % 3 !== 0,
      *handle(data) {
        yield
        events.push(`message ${data.length} ${hash(data)}`)
      },
      refuse: (beginning, length) => events.push(`refused ${beginning.length} of ${length}: ${hash(beginning)}`),
    })
  receiver.on('message', (data: Buffer) => events.push(`message ${data.length} ${hash(data)}`))
  receiver.on('ping', (data: Buffer) => events.push(`ping ${data.length}`))
  receiver.on('error', (error: Error) => events.push(error.message))
  for (const piece of pieces) {
    if (receiver.destroyed) break
    // `ws` unmasks in place.
    await new Promise<void>((resolve) => receiver.write(Buffer.from(piece), () => resolve()))
  }
  await turn()
  return events
}

const hash = (bytes: Uint8Array): string => bytes.reduce((sum, byte) => (sum * 31 + byte) % 1_000_003, 7).toString()

/** Cuts `bytes` into pieces whose lengths are taken from `lengths` in turn. */
function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  for (let [at, turns] = [0, 0]; at < bytes.length; turns++) {
    const length = lengths[turns % lengths.length] as number
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return pieces
}

const size = fc.oneof(
  fc.constantFrom(0, 1, 125, 126, 65_535, 65_536, 65_537, 64 * KiB - 1, 100_003, 700_001),
  fc.nat(200_000),
)
/** A message in fragments, with pings between them. */
const message = fc
  .record({ sizes: fc.array(size, { minLength: 1, maxLength: 4 }), mask: fc.nat(0xffffffff), pings: fc.boolean() })
  .map(({ sizes, mask, pings }) =>
    sizes.flatMap((bytes, index) => {
      const fin = index === sizes.length - 1
      const part = frame({ opcode: index === 0 ? Opcode.Text : Opcode.Continuation, fin, bytes, mask })
      return pings && !fin ? [part, frame({ opcode: Opcode.Ping, fin: true, bytes: 3, mask })] : [part]
    }),
  )

test('messages are the same as without it, whatever their frames, and in whatever pieces they arrive', async () => {
  const run = fc.record({
    messages: fc.array(message, { minLength: 1, maxLength: 3 }),
    lengths: fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1000, max: 65_536 })), {
      minLength: 1,
      maxLength: 4,
    }),
  })
  await fc.assert(
    fc.asyncProperty(run, async ({ messages, lengths }) => {
      const pieces = cut(Buffer.concat(messages.flat().map(encoded)), [...lengths, 65_536])
      const expected = await received(pieces, false)
      assert.is(expected.filter((event) => event.startsWith('message')).length, messages.length)
      assert.equal(await received(pieces, true), expected)
    }),
    { numRuns: 25 },
  )
})

test('a message of many large fragments is joined in several turns of the event loop', async () => {
  const sizes = Array.from({ length: 3 }, () => 1024 * KiB)
  const frames = sizes.map((bytes, index) =>
    frame({ opcode: index === 0 ? Opcode.Text : Opcode.Continuation, fin: index === 2, bytes, mask: 0x01020304 }),
  )
  let turns = 0
  let isDone = false
  const counting = (async () => {
    for (; !isDone; turns++) await turn()
  })()
  const events = await received([Buffer.concat(frames.map(encoded))], true)
  isDone = true
  await counting
  assert.is(events.length, 1)
  assert.match(events[0] as string, /^message 3145728 /)
  assert.ok(turns >= 5, `${turns} turns`)
})

test('of a message with too much text only the beginning is kept, and the next ones are read', async () => {
  const part = (bytes: number, index: number, fin: boolean): Frame =>
    frame({ opcode: index === 0 ? Opcode.Text : Opcode.Continuation, fin, bytes, mask: 0x01020304 })
  const next = frame({ opcode: Opcode.Text, fin: true, bytes: 100_000, mask: 1 })
  const [read] = await received(cut(encoded(next), [65_536]), true)
  for (const sizes of [
    [MAX_TEXT_BYTES + 1],
    [10, MAX_TEXT_BYTES],
    [MAX_TEXT_BYTES, 10],
    [MAX_TEXT_BYTES, 0, 10, 70_000, 5],
    [100, 100, 100, 2 * MAX_TEXT_BYTES, 0],
    Array<number>(100).fill(60_000),
  ]) {
    const frames = sizes.map((bytes, index) => part(bytes, index, index === sizes.length - 1))
    const leading = Buffer.concat(frames.map(({ payload }) => payload)).subarray(0, 256)
    const total = sizes.reduce((sum, bytes) => sum + bytes, 0)
    const pieces = cut(Buffer.concat([...frames, next].map(encoded)), [65_536])
    assert.equal(await received(pieces, true), [`refused 256 of ${total}: ${hash(leading)}`, read], `${sizes}`)
  }
})

test('text that is not UTF-8 is an error in a large frame, too', async () => {
  const bad = frame({ opcode: Opcode.Text, fin: true, bytes: 100_000, mask: 0x11223344 })
  bad.payload[70_000] = 0xff
  assert.equal(await received(cut(encoded(bad), [65_536]), true), ['Invalid WebSocket frame: invalid UTF-8 sequence'])
})

test.run()
