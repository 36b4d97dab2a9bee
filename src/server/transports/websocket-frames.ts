/**
 * Encodes the frames that the server sends: text, unmasked, uncompressed.
 * `ws` would write header and payload separately, after one more copy of each string.
 */
import type { RawJson } from '../../core/base/json-fragments.ts'
import { MAX_UNIT_BYTES, payloadLength, writePayload } from './message-encoding.ts'
import type { PieceEncoder } from './message-encoding.ts'

const FIN = 0x80
const TEXT = 0x01
const CONTINUATION = 0x00

/** Bytes of the longest header. */
export const MAX_HEADER_BYTES = 10

/** An upper bound of the length of a message's frame, exact for all but short texts. */
export function frameRoom(message: string | RawJson): number {
  if (typeof message === 'string' && message.length <= SHORT_TEXT) return SHORT_ROOM
  return MAX_HEADER_BYTES + payloadLength(message)
}

/** Texts of so many units are not measured before they are written. */
const SHORT_TEXT = 1024
const SHORT_ROOM = MAX_HEADER_BYTES + SHORT_TEXT * MAX_UNIT_BYTES

/** Writes a message as one frame into `target`, which has room for it from `at` on. Returns the end of the frame. */
export function writeFrame(target: Buffer, at: number, message: string | RawJson): number {
  if (typeof message === 'string' && message.length <= SHORT_TEXT) return writeShortFrame(target, at, message)
  const length = payloadLength(message)
  const start = at + headerLength(length)
  writeHeader(target, at, FIN | TEXT, length)
  return start + writePayload(target, message, start)
}

/** Writes the payload first, where it is if it has as many bytes as units, and then knows its length. */
function writeShortFrame(target: Buffer, at: number, text: string): number {
  const start = at + headerLength(text.length)
  const length = target.write(text, start)
  const end = at + headerLength(length) + length
  if (end !== start + length) target.copyWithin(at + headerLength(length), start, start + length)
  writeHeader(target, at, FIN | TEXT, length)
  return end
}

/** The next fragment of a message, as long as `target` can hold; a view of `target`. */
export function writeFragment(target: Buffer, encoder: PieceEncoder, isFirst: boolean): Buffer {
  const length = encoder.write(target, MAX_HEADER_BYTES)
  const at = MAX_HEADER_BYTES - headerLength(length)
  writeHeader(target, at, (encoder.remaining === 0 ? FIN : 0) | (isFirst ? TEXT : CONTINUATION), length)
  return target.subarray(at, MAX_HEADER_BYTES + length)
}

/** RFC 6455, section 5.2: the length takes 7, 7+16 or 7+64 bits. */
function headerLength(payload: number): number {
  return payload < 126 ? 2 : payload < 65_536 ? 4 : 10
}

function writeHeader(frame: Buffer, at: number, firstByte: number, payload: number): void {
  frame[at] = firstByte
  if (payload < 126) {
    frame[at + 1] = payload
  } else if (payload < 65_536) {
    frame[at + 1] = 126
    frame.writeUInt16BE(payload, at + 2)
  } else {
    frame[at + 1] = 127
    frame.writeUInt32BE(0, at + 2)
    frame.writeUInt32BE(payload, at + 6)
  }
}
