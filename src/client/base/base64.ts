/** Bytes in messages. */
import { ProtocolError } from './errors.ts'

/**
 * Decodes a base64 member of a message; `what` names it. A server in this program sends the bytes themselves.
 * @throws {ProtocolError} If it is neither.
 */
export function bytesOf(text: unknown, what: string): Uint8Array<ArrayBuffer> {
  if (text instanceof Uint8Array) return text as Uint8Array<ArrayBuffer>
  if (typeof text === 'string') {
    try {
      return Uint8Array.fromBase64(text)
    } catch {
      // Falls through to the throw.
    }
  }
  throw new ProtocolError(`the server has sent ${what} that is no base64`)
}
