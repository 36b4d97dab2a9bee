/** Messages as bytes, in memory that the door has made for them and for what it puts around them. */
import { AsciiParts } from '../core/frames.ts'

export function payloadLength(message: string | AsciiParts): number {
  return message instanceof AsciiParts ? message.length : Buffer.byteLength(message)
}

/** Each part is copied once, straight to where it is sent from. */
export function writePayload(target: Buffer, message: string | AsciiParts, at: number): void {
  if (typeof message === 'string') {
    target.write(message, at)
    return
  }
  const { head, body, tail } = message
  target.write(head, at, 'latin1')
  target.write(body, at + head.length, 'latin1')
  target.write(tail, at + head.length + body.length, 'latin1')
}
