/**
 * Decodes the long base64 member of a message, such as a block of a file, in place: into the bytes of its own text. As a
 * string, or in memory of its own, it would be copied, and fresh memory costs more than to decode.
 */

import { MAX_VALUES } from '../limits.ts'
import type { Steps } from './steps.ts'

/** Decoded bytes, in place of the base64 string. They may be a part of the message that they came with. */
export class Base64Text {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** Strings up to this many bytes are parsed as ordinary JSON strings. */
export const LONG_BYTES = 64 * 1024

/** Bytes of base64 decoded at a time; a multiple of 4. Their short strings are made in memory that is in use anyway. */
const PIECE_BYTES = 32 * 1024
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
  const finder = new LongMemberFinder()
  finder.push(message)
  return finder.member
}

/** {@link findLongMember} for a message that comes in pieces. */
export class LongMemberFinder {
  /** Bytes so far. */
  #total = 0
  /** `passed`: the first long string has ended. `none`: no member is looked for any more. */
  #state: 'searching' | 'inside' | 'passed' | 'none' = 'searching'
  #quotes = 0
  #lastQuote: number | undefined
  /** The name before the last quote, if that came with an earlier piece. */
  #name: string | undefined
  /** The end of what has come, as characters. */
  #before = ''
  #found: LongMember | undefined

  /** Looks at the next bytes of the message. */
  push(piece: Uint8Array): void {
    if (this.#state === 'searching') this.#search(piece)
    else if (this.#state === 'inside') this.#findEnd(piece, 0)
    this.#total += piece.length
  }

  /** Bytes so far, without those of the member. */
  get textBytes(): number {
    if (this.#found === undefined) return this.#total
    const { start, end } = this.#found
    return this.#state === 'inside' ? start : this.#total - (end - start)
  }

  /** The member, once it has ended. */
  get member(): LongMember | undefined {
    return this.#state === 'passed' ? this.#found : undefined
  }

  #search(piece: Uint8Array): void {
    let last = this.#lastQuote === undefined ? undefined : this.#lastQuote - this.#total
    for (let at = 0; ; ) {
      const quote = piece.indexOf(QUOTE, at)
      if (last !== undefined && (quote < 0 ? piece.length : quote) - last > LONG_BYTES)
        return this.#enter(piece, last, at)
      if (quote < 0) break
      if (++this.#quotes > MAX_QUOTES) {
        this.#state = 'none'
        return
      }
      last = quote
      at = quote + 1
    }
    if (last !== undefined) {
      if (last >= 0) this.#name = this.#nameBefore(piece, last)
      this.#lastQuote = this.#total + last
    }
    this.#before = this.#charactersBefore(piece, piece.length)
  }

  /** The string that begins with the quote at `last` is long. */
  #enter(piece: Uint8Array, last: number, at: number): void {
    const name = last < 0 ? this.#name : this.#nameBefore(piece, last)
    if (name === undefined) {
      this.#state = 'none'
      return
    }
    this.#state = 'inside'
    this.#found = { name, start: this.#total + last, end: -1 }
    this.#findEnd(piece, at)
  }

  #findEnd(piece: Uint8Array, at: number): void {
    const quote = piece.indexOf(QUOTE, at)
    if (quote < 0 || this.#found === undefined) return
    this.#found.end = this.#total + quote
    this.#state = 'passed'
  }

  /** The name of the member whose value begins at `quote`, if it is a known one. */
  #nameBefore(piece: Uint8Array, quote: number): string | undefined {
    return MEMBER.exec(this.#charactersBefore(piece, quote))?.[1]
  }

  #charactersBefore(piece: Uint8Array, end: number): string {
    const text = latin1(piece.subarray(Math.max(0, end - MEMBER_BYTES), end))
    return end < MEMBER_BYTES ? (this.#before + text).slice(-MEMBER_BYTES) : text
  }
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
 * Decodes a member over its own text. Gives false, with the message as it was, if it is not standard, padded base64; the
 * ordinary parser then reports errors. A backslash is not base64, so what is decoded is a whole string without
 * escapes.
 */
export function* decodeInPlace(message: Uint8Array, { start, end }: LongMember): Steps<boolean> {
  const text = message.subarray(start + 1, end)
  if (text.length % 4 !== 0) return false
  const scratch = new Uint8Array(DECODED_PIECE_BYTES)
  for (let [from, to] = [0, 0]; from < text.length; from += PIECE_BYTES, to += DECODED_PIECE_BYTES) {
    const written = decodePiece(text.subarray(from, from + PIECE_BYTES), scratch, from + PIECE_BYTES >= text.length)
    if (written === undefined) {
      yield* restore(text, from / PIECE_BYTES)
      return false
    }
    text.set(scratch.subarray(0, written), to)
    yield
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
function* restore(text: Uint8Array, pieces: number): Steps<void> {
  for (let index = pieces - 1; index >= 0; index--) {
    const from = index * DECODED_PIECE_BYTES
    encoder.encodeInto(
      text.subarray(from, from + DECODED_PIECE_BYTES).toBase64(),
      text.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES),
    )
    yield
  }
}
