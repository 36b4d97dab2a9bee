/** Encodes messages into buffers of the transport, whole or piece by piece. */
import { base64Length, RawJson, textsOf } from '../../core/base/json-fragments.ts'
import { base64Encoder } from '../../host/ffi/base64.ts'

/**
 * Bytes encoded as base64 at a time: a multiple of three (no padding inside), and a short-lived string, made in memory that
 * is in use anyway.
 */
const PIECE_BYTES = 24 * 1024

/** Fewer bytes are encoded faster by way of a string. */
const WORTH_A_CALL_BYTES = 1024

/** A UTF-16 unit has at most so many bytes in UTF-8. */
export const MAX_UNIT_BYTES = 3

const utf8 = new TextEncoder()

/** Length of the encoded message in bytes. */
export function payloadLength(message: string | RawJson): number {
  return message instanceof RawJson ? message.length : Buffer.byteLength(message)
}

/**
 * Writes the message into `target` from offset `at`, which must have `payloadLength(message)` bytes of room, and
 * returns how many it took. Each part is copied once. Releases the body of a RawJson on its last use.
 */
export function writePayload(target: Buffer, message: string | RawJson, at: number): number {
  if (typeof message === 'string') return target.write(message, at)
  const { head, body, tail } = message
  let to = at + target.write(head, at, 'latin1')
  if (body instanceof Uint8Array) to += writeBase64(target, body, to)
  else for (const text of textsOf(body)) to += target.write(text, to, 'latin1')
  message.discard()
  return to + target.write(tail, to, 'latin1') - at
}

/** Frees the body of a message that is not needed any more. */
export function discard(message: string | RawJson): void {
  if (message instanceof RawJson) message.discard()
}

function writeBase64(target: Buffer, bytes: Uint8Array, at: number): number {
  const encode = bytes.length < WORTH_A_CALL_BYTES ? undefined : base64Encoder()
  if (encode !== undefined) {
    const length = base64Length(bytes.length)
    encode(bytes, target.subarray(at, at + length))
    return length
  }
  let to = at
  for (let from = 0; from < bytes.length; from += PIECE_BYTES)
    to += target.write(bytes.subarray(from, from + PIECE_BYTES).toBase64(), to, 'latin1')
  return to - at
}

/** Writes a part of a message into `target` from `at` to `end`; returns how many bytes. Zero: the part has ended. */
type Part = (target: Buffer, at: number, end: number) => number

function textPart(text: string): Part {
  let from = 0
  return (target, at, end) => {
    // No more units than there are bytes of room. A surrogate pair is never split.
    const { read, written } = utf8.encodeInto(text.slice(from, from + (end - at)), target.subarray(at, end))
    from += read
    return written
  }
}

function base64Part(bytes: Uint8Array): Part {
  let from = 0
  return (target, at, end) => {
    const piece = bytes.subarray(from, from + Math.floor((end - at) / 4) * 3)
    from += piece.length
    return writeBase64(target, piece, at)
  }
}

/** Encodes one large message piece by piece, so that its encoded form never exists as a whole. */
export class PieceEncoder {
  readonly #message: string | RawJson
  readonly #parts: Part[]
  /** Bytes that have not been written yet. */
  remaining: number

  constructor(message: string | RawJson) {
    this.#message = message
    this.remaining = payloadLength(message)
    if (typeof message === 'string') this.#parts = [textPart(message)]
    else {
      const { head, body, tail } = message
      const parts = body instanceof Uint8Array ? [base64Part(body)] : textsOf(body).map(textPart)
      this.#parts = [textPart(head), ...parts, textPart(tail)]
    }
  }

  /** Writes as much as there is room for in `target` from `at` on, at least eight bytes; returns how many bytes. */
  write(target: Buffer, at: number): number {
    let to = at
    for (let part = this.#parts[0]; part !== undefined; part = this.#parts[0]) {
      const written = part(target, to, target.length)
      to += written
      if (written > 0) continue
      // No room for another character, or base64 group.
      if (target.length - to < 4 && this.remaining > to - at) break
      this.#parts.shift()
    }
    this.remaining -= to - at
    if (this.remaining === 0) this.discard()
    return to - at
  }

  /** Frees the message. */
  discard(): void {
    this.#parts.length = 0
    discard(this.#message)
  }
}
