/** Bytes in messages. */
import { ProtocolError } from './errors.ts'

/** Throws ProtocolError for what is no base64. `what` names the member. */
export function bytesOf(text: unknown, what: string): Uint8Array<ArrayBuffer> {
  if (typeof text === 'string') {
    try {
      return Uint8Array.fromBase64(text)
    } catch {
      // Told below.
    }
  }
  throw new ProtocolError(`the server has sent ${what} that is no base64`)
}
