/** The frames that are sent, read back by a reader of their own. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { RawJson } from '../../../src/core/base/json-fragments.ts'
import { PieceEncoder } from '../../../src/server/transports/message-encoding.ts'
import { frameRoom, writeFragment, writeFrame } from '../../../src/server/transports/websocket-frames.ts'
import { decode } from '../../support/frame-reader.ts'
import { test } from '../../support/suite.ts'

type Message = string | RawJson
const textOf = (message: Message): string => (typeof message === 'string' ? message : message.text)

/** Any message: a text, or parts with a text or bytes inside. */
const ascii = fc.string({ unit: 'binary-ascii', maxLength: 200 })
const messages: fc.Arbitrary<Message> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 1500 }),
  fc.tuple(ascii, ascii, ascii).map(([head, body, tail]) => new RawJson(head, body, tail)),
  fc.tuple(ascii, fc.uint8Array({ maxLength: 900 }), ascii).map(([head, body, tail]) => new RawJson(head, body, tail)),
  fc.tuple(ascii, fc.array(ascii), ascii).map(([head, body, tail]) => new RawJson(head, body, tail)),
)

function checkWhole(message: Message): void {
  const room = frameRoom(message)
  const target = Buffer.alloc(room + 2, '?')
  const end = writeFrame(target, 1, message)
  assert.ok(end <= 1 + room, 'a frame does not need more room than was said')
  const [frame, ...more] = decode(target.subarray(1, end))
  assert.equal(more, [])
  assert.equal([frame?.fin, frame?.opcode], [true, 1])
  assert.is(frame?.payload.toString(), textOf(message))
  assert.is(target[0], 0x3f)
}

test('a message arrives as it was, in one frame of text', () => {
  fc.assert(fc.property(messages, checkWhole))
})

test('lengths at the edges of the three headers are right', () => {
  for (const length of [0, 125, 126, 1024, 1025, 65_535, 65_536, 200_000]) {
    const text = 'x'.repeat(length)
    checkWhole(text)
    checkWhole(new RawJson('', text, ''))
  }
})

test('a text whose length in bytes needs a longer header than its units arrives whole', () => {
  for (const units of [41, 42, 43, 62, 63, 125, 126, 341, 1024])
    for (const unit of 'éあ') checkWhole(unit.repeat(units))
})

test('fragments hold no more than there is room for, and come to the message', () => {
  fc.assert(
    fc.property(messages, fc.integer({ min: 18, max: 700 }), (message, room) => {
      const encoder = new PieceEncoder(message)
      const target = Buffer.alloc(room)
      const frames = []
      for (let isFirst = true; isFirst || encoder.remaining > 0; isFirst = false)
        frames.push(...decode(Buffer.from(writeFragment(target, encoder, isFirst))))
      assert.is(Buffer.concat(frames.map(({ payload }) => payload)).toString(), textOf(message))
      assert.equal(
        frames.map(({ fin, opcode }) => [fin, opcode]),
        frames.map((_, index) => [index === frames.length - 1, index === 0 ? 1 : 0]),
      )
      assert.ok(frames.slice(0, -1).every(({ payload }) => payload.length > 0))
    }),
  )
})

test('the bytes of a message are freed with its last fragment, or when it is discarded, if that is their last use', () => {
  const encoderOf = (bytes: Uint8Array, isLastUse: boolean) => new PieceEncoder(new RawJson('', bytes, '', isLastUse))
  const target = Buffer.alloc(400_000)
  const [sent, discarded, kept] = [1, 2, 3].map(() => new Uint8Array(100_000))
  if (sent === undefined || discarded === undefined || kept === undefined) return assert.unreachable()
  writeFragment(target, encoderOf(sent, true), true)
  encoderOf(discarded, true).discard()
  writeFragment(target, encoderOf(kept, false), true)
  assert.equal([sent.length, discarded.length, kept.length], [0, 0, 100_000])
})

test.run()
