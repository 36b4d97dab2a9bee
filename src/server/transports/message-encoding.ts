/** Messages as bytes, in memory that the door has made for them and for what it puts around them. */
import { RawJson } from '../../core/base/json-fragments.ts'
import { release } from '../../core/base/bytes.ts'

/** Turned into base64 at a time: whole groups of three, and a string that is soon collected. */
const PIECE_BYTES = 96 * 1024

export function payloadLength(message: string | RawJson): number {
  return message instanceof RawJson ? message.length : Buffer.byteLength(message)
}

/** Each part is copied once, straight to where it is sent from. */
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
