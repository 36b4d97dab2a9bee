/** Encodes messages into buffers that the transport allocates, with room for its own framing. */
import { RawJson } from '../../core/base/json-fragments.ts'
import { release } from '../../core/base/bytes.ts'

/** Bytes encoded as base64 at a time: a multiple of three (no padding inside), and a short-lived string. */
const PIECE_BYTES = 96 * 1024

/** Length of the encoded message in bytes. */
export function payloadLength(message: string | RawJson): number {
  return message instanceof RawJson ? message.length : Buffer.byteLength(message)
}

/**
 * Writes the message into `target` from offset `at`, which must have `payloadLength(message)` bytes of room.
 * Each part is copied once. Releases the body of a RawJson on its last use.
 */
export function writePayload(target: Buffer, message: string | RawJson, at: number): void {
  if (typeof message === 'string') {
    target.write(message, at)
    return
  }
  const { head, body, tail, isLastUse } = message
  let to = at + target.write(head, at, 'latin1')
  if (typeof body === 'string') {
    to += target.write(body, to, 'latin1')
  } else {
    for (let from = 0; from < body.length; from += PIECE_BYTES) {
      to += target.write(body.subarray(from, from + PIECE_BYTES).toBase64(), to, 'latin1')
    }
    if (isLastUse) release(body)
  }
  target.write(tail, to, 'latin1')
}
