/** The frames that are sent, read back by a reader of their own. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { RawJson } from '../../../src/core/base/json-fragments.ts'
import { encodeMessage } from '../../../src/server/transports/websocket-frames.ts'
import { test } from '../../support/suite.ts'

type Frame = { fin: boolean; opcode: number; payload: Buffer }

/** RFC 6455, section 5.2, unmasked. */
function decode(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length; ) {
    const [first, second] = [bytes[at] as number, bytes[at + 1] as number]
    assert.is(second & 0x80, 0, 'a server does not mask')
    assert.is(first & 0x70, 0, 'no extension has been negotiated')
    const [length, header] =
      second < 126
        ? [second, 2]
        : second === 126
          ? [bytes.readUInt16BE(at + 2), 4]
          : [Number(bytes.readBigUInt64BE(at + 2)), 10]
    frames.push({
      fin: (first & 0x80) !== 0,
      opcode: first & 0x0f,
      payload: bytes.subarray(at + header, at + header + length),
    })
    at += header + length
  }
  return frames
}

function check(message: string | RawJson, text: string, maxPayload: number): void {
  const frames = decode(Buffer.concat(encodeMessage(message, maxPayload)))
  assert.is(Buffer.concat(frames.map(({ payload }) => payload)).toString(), text)
  assert.ok(frames.every(({ payload }) => payload.length <= maxPayload))
  assert.equal(
    frames.map(({ fin }) => fin),
    frames.map((_, index) => index === frames.length - 1),
  )
  assert.equal(
    frames.map(({ opcode }) => opcode),
    frames.map((_, index) => (index === 0 ? 1 : 0)),
  )
}

test('a text arrives as it was, in frames of at most the bound, the first of them text and the last final', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 400 })
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 300 }), (message, maxPayload) => check(message, message, maxPayload)),
  )
})

test('a message in parts arrives as their sum', () => {
  const ascii = fc.string({ unit: 'binary-ascii', maxLength: 200 })
  fc.assert(
    fc.property(ascii, ascii, ascii, fc.integer({ min: 1, max: 700 }), (head, body, tail, maxPayload) => {
      check(new RawJson(head, body, tail), head + body + tail, maxPayload)
    }),
  )
})

test('lengths at the edges of the three headers are right', () => {
  for (const length of [0, 125, 126, 65_535, 65_536, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1]) {
    const text = 'x'.repeat(length)
    check(text, text, 8 * 1024 * 1024)
    check(new RawJson('', text, ''), text, 8 * 1024 * 1024)
  }
})

test('a message that fits is one piece, written at once', () => {
  assert.is(encodeMessage('x'.repeat(1000), 1000).length, 1)
})

test.run()
