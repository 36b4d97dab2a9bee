/** Base64 in messages. */
import { ProtocolError } from './errors.ts'

/**
 * Decodes a base64 member of a message; `what` names it.
 * @throws {ProtocolError} If it is not base64.
 */
export function bytesOf(text: unknown, what: string): Uint8Array<ArrayBuffer> {
  if (typeof text === 'string') {
    try {
      return Uint8Array.fromBase64(text)
    } catch {
      // Falls through to the throw.
    }
  }
  throw new ProtocolError(`the server has sent ${what} that is no base64`)
}
