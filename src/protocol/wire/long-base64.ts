/**
 * Decodes the long base64 member of a message, such as a block of a file, in place: into the bytes of its own text. As a
 * string, or in memory of its own, it would be copied, and fresh memory costs more than to decode.
 */

import { MAX_VALUES } from '../limits.ts'

/** Decoded bytes, in place of the base64 string. They may be a part of the message that they came with. */
export class Base64Text {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** Strings up to this many bytes are parsed as ordinary JSON strings. */
export const LONG_BYTES = 64 * 1024

/** Bytes of base64 decoded at a time; a multiple of 4. */
const PIECE_BYTES = 64 * 1024
const DECODED_PIECE_BYTES = (PIECE_BYTES / 4) * 3

const QUOTE = 0x22
const PADDING = 0x3d

/** Quotes that are looked at: more than a message within {@link MAX_VALUES} has, but for escaped ones. */
const MAX_QUOTES = 4 * MAX_VALUES

/** Matches the name of a base64 member at the end of the text before its value. */
const MEMBER = /"(chunk|dataBase64|bodyBase64)"[ \t\r\n]*:[ \t\r\n]*$/
const MEMBER_BYTES = 64

/** A long member of a message, not yet decoded. */
export type LongMember = {
  name: string
  /** Offsets in bytes of the opening and of the closing quote. */
  start: number
  end: number
}

/**
 * Finds the first string longer than {@link LONG_BYTES}, at any depth. Undefined if there is none, or it is not a known
 * member.
 */
export function findLongMember(message: Uint8Array): LongMember | undefined {
  let start = message.indexOf(QUOTE)
  for (let quotes = 0; start >= 0 && quotes < MAX_QUOTES; quotes++) {
    const end = message.indexOf(QUOTE, start + 1)
    if (end < 0) return undefined
    if (end - start > LONG_BYTES) {
      const name = MEMBER.exec(latin1(message.subarray(Math.max(0, start - MEMBER_BYTES), start)))?.[1]
      return name === undefined ? undefined : { name, start, end }
    }
    start = end
  }
  return undefined
}

/** Only ASCII matters here; other bytes decode to characters that never match. */
const decoder = new TextDecoder('latin1')
/** Bytes as characters; for ASCII. */
export const latin1 = (bytes: Uint8Array): string => decoder.decode(bytes)

const encoder = new TextEncoder()

/** Views that are all that is used of their buffer. */
const owners = new WeakSet<Uint8Array>()

/** Whether the buffer of `bytes` may be freed with them, although they are only a part of it. */
export const ownsBuffer = (bytes: Uint8Array): boolean => owners.has(bytes)

/** The bytes of a member once {@link decodeInPlace} has decoded it; the message may not be used any more then. */
export function decodedView(message: Uint8Array, { start, end }: LongMember): Uint8Array {
  const length = end - start - 1
  const padding = message[end - 2] === PADDING ? 2 : message[end - 1] === PADDING ? 1 : 0
  const view = message.subarray(start + 1, start + 1 + Math.max(0, Math.floor(length / 4) * 3 - padding))
  if (message.byteLength === message.buffer.byteLength) owners.add(view)
  return view
}

/**
 * Decodes a member over its own text. Returns false, with the message as it was, if it is not standard, padded base64; the
 * ordinary parser then reports errors. A backslash is not base64, so what is decoded is a whole string without
 * escapes.
 */
export function decodeInPlace(message: Uint8Array, { start, end }: LongMember): boolean {
  const text = message.subarray(start + 1, end)
  if (text.length % 4 !== 0) return false
  const scratch = new Uint8Array(DECODED_PIECE_BYTES)
  for (let [from, to] = [0, 0]; from < text.length; from += PIECE_BYTES, to += DECODED_PIECE_BYTES) {
    const written = decodePiece(text.subarray(from, from + PIECE_BYTES), scratch, from + PIECE_BYTES >= text.length)
    if (written === undefined) {
      restore(text, from / PIECE_BYTES)
      return false
    }
    text.set(scratch.subarray(0, written), to)
  }
  return true
}

/** Decodes one piece; returns the number of bytes, or undefined if it is not base64. */
function decodePiece(piece: Uint8Array, target: Uint8Array, isLast: boolean): number | undefined {
  const last = piece.length - 1
  const padding = !isLast ? 0 : piece[last - 1] === PADDING ? 2 : piece[last] === PADDING ? 1 : 0
  try {
    const { written } = target.setFromBase64(latin1(piece), { lastChunkHandling: 'strict' })
    // The decoder skips white space, so count bytes; padding is valid only at the very end.
    return written === (piece.length / 4) * 3 - padding ? written : undefined
  } catch {
    return undefined
  }
}

/** Encodes the first `pieces` pieces again, the last one first: none is overwritten before it has been read. */
function restore(text: Uint8Array, pieces: number): void {
  for (let index = pieces - 1; index >= 0; index--) {
    const from = index * DECODED_PIECE_BYTES
    encoder.encodeInto(
      text.subarray(from, from + DECODED_PIECE_BYTES).toBase64(),
      text.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES),
    )
  }
}
