/**
 * Decodes the long base64 member of a message, such as a block of a file, straight from the received bytes. As a string
 * it would be copied three times, into memory that the runtime is slow to release.
 */

import { MAX_VALUES } from '../limits.ts'

/** Decoded bytes, in place of the base64 string. */
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

const QUOTE = 0x22

/** Quotes that are looked at: more than a message within {@link MAX_VALUES} has, but for escaped ones. */
const MAX_QUOTES = 4 * MAX_VALUES

/** Matches the name of a base64 member at the end of the text before its value. */
const MEMBER = /"(chunk|dataBase64|bodyBase64)"[ \t\r\n]*:[ \t\r\n]*$/
const MEMBER_BYTES = 64

/** A long base64 member of a message. */
export type LongMember = {
  name: string
  /** Offsets in bytes of the opening and of the closing quote. */
  start: number
  end: number
  value: Base64Text
}

/**
 * Finds and decodes the first string longer than {@link LONG_BYTES}, at any depth. Undefined if there is none, or it is
 * not a known member with standard, padded base64; the ordinary parser then reports errors.
 */
export function findLongMember(message: Uint8Array): LongMember | undefined {
  let start = message.indexOf(QUOTE)
  for (let quotes = 0; start >= 0 && quotes < MAX_QUOTES; quotes++) {
    const end = message.indexOf(QUOTE, start + 1)
    if (end < 0) return undefined
    if (end - start > LONG_BYTES) {
      // A backslash is not base64, so a decoded value is a whole string without escapes.
      const name = MEMBER.exec(latin1(message.subarray(Math.max(0, start - MEMBER_BYTES), start)))?.[1]
      const bytes = name === undefined ? undefined : decode(message.subarray(start + 1, end))
      return name === undefined || bytes === undefined ? undefined : { name, start, end, value: new Base64Text(bytes) }
    }
    start = end
  }
  return undefined
}

/** Only ASCII matters here; other bytes decode to characters that never match. */
const decoder = new TextDecoder('latin1')
/** Bytes as characters; for ASCII. */
export const latin1 = (bytes: Uint8Array): string => decoder.decode(bytes)

function decode(text: Uint8Array): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text[text.length - 2] === 0x3d ? 2 : text[text.length - 1] === 0x3d ? 1 : 0
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  try {
    for (let [from, to] = [0, 0]; from < text.length; from += PIECE_BYTES) {
      const piece = text.subarray(from, from + PIECE_BYTES)
      const { written } = bytes.subarray(to).setFromBase64(latin1(piece), { lastChunkHandling: 'strict' })
      to += written
      // The decoder skips white space, so count bytes; padding is valid only at the very end.
      if (written !== (piece.length / 4) * 3 && (from + piece.length < text.length || to !== bytes.length))
        return undefined
    }
  } catch {
    return undefined
  }
  return bytes
}
