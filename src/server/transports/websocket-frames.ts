/**
 * Encodes the frames that the server sends: text, unmasked, uncompressed, header and payload in one write.
 * `ws` would write header and payload separately, after one more copy of each string.
 */
import type { RawJson } from '../../core/base/json-fragments.ts'
import { payloadLength, writePayload } from './message-encoding.ts'

const FIN = 0x80
const TEXT = 0x01
const CONTINUATION = 0x00

/** Encodes a message as one frame, or fragments it into frames of at most `maxPayload` bytes of payload each. */
export function encodeMessage(message: string | RawJson, maxPayload: number): Buffer[] {
  const length = payloadLength(message)
  if (length <= maxPayload) {
    const start = headerLength(length)
    const frame = Buffer.allocUnsafeSlow(start + length)
    writeHeader(frame, FIN | TEXT, length)
    writePayload(frame, message, start)
    return [frame]
  }
  const payload = Buffer.allocUnsafeSlow(length)
  writePayload(payload, message, 0)
  return fragments(payload, maxPayload)
}

function fragments(payload: Buffer, maxPayload: number): Buffer[] {
  const frames: Buffer[] = []
  for (let at = 0; at < payload.length; at += maxPayload) {
    const part = payload.subarray(at, at + maxPayload)
    const header = Buffer.allocUnsafe(headerLength(part.length))
    const isLast = at + part.length === payload.length
    writeHeader(header, (isLast ? FIN : 0) | (at === 0 ? TEXT : CONTINUATION), part.length)
    frames.push(header, part)
  }
  return frames
}

/** RFC 6455, section 5.2: the length takes 7, 7+16 or 7+64 bits. */
function headerLength(payloadLength: number): number {
  return payloadLength < 126 ? 2 : payloadLength < 65_536 ? 4 : 10
}

function writeHeader(frame: Buffer, firstByte: number, payloadLength: number): void {
  frame[0] = firstByte
  if (payloadLength < 126) {
    frame[1] = payloadLength
  } else if (payloadLength < 65_536) {
    frame[1] = 126
    frame.writeUInt16BE(payloadLength, 2)
  } else {
    frame[1] = 127
    frame.writeUInt32BE(0, 2)
    frame.writeUInt32BE(payloadLength, 6)
  }
}
