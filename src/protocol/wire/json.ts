/**
 * A strict JSON parser for the wire.
 *
 * JSON.parse hides three things that the protocol needs: whether a number was written as an integer (`1.0` is not an
 * id), every digit of a 64-bit integer, and duplicate keys. Objects have no prototype, so a member named `__proto__` is
 * an ordinary member.
 *
 * Accepts RFC 8259, except for duplicate keys, nesting deeper than {@link MAX_DEPTH}, more than {@link MAX_VALUES}
 * values, escapes that leave a lone surrogate, and a byte-order mark.
 */

import { MAX_DEPTH, MAX_TOKEN_BYTES, MAX_VALUES, OBJECT_WEIGHT } from '../limits.ts'
import { Base64Text } from './long-base64.ts'

/** A number not written as a plain 64-bit integer, e.g. `1.0`, `1e3`, `-0` or a hundred digits. */
export class JsonFloat {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/**
 * A parsed JSON value. Integers within ±2^53 are numbers, larger ones bigints; a number with a point or an exponent is
 * a {@link JsonFloat}.
 */
export type JsonValue = null | boolean | string | number | bigint | JsonFloat | Base64Text | JsonValue[] | JsonObject
/** A parsed JSON object, without a prototype. */
export type JsonObject = { [key: string]: JsonValue }

/** Invalid JSON. The message names the position in UTF-16 code units. */
export class JsonSyntaxError extends Error {}

/** JSON with more values than a message may have. */
export class JsonLimitError extends JsonSyntaxError {}

/** Matches a number at `lastIndex`. */
export const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y
/** Matches what a string with it is read with care for. */
export const NEEDS_CARE = /[\\\u0000-\u001f]/
const NEXT_CARE = new RegExp(NEEDS_CARE, 'g')
/** A sign and the 20 digits of 2^64. */
const MAX_INTEGER_CHARACTERS = 21
const LONG_STRING = 4096
const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Parses one JSON value. The empty string at index `placeholder.at` is read as `placeholder.value`.
 * @throws {JsonSyntaxError}
 */
export function parseJson(text: string, placeholder?: { at: number; value: JsonValue }): JsonValue {
  let at = 0
  let valuesLeft = MAX_VALUES
  /** Where the next character is that a string is read with care for, or one that was passed. */
  let care = -1

  const fail = (what: string): never => {
    throw new JsonSyntaxError(`${what} at character ${at}`)
  }

  /** Throws once there are more values than a message may have, before it has made them. */
  const count = (weight: number): void => {
    valuesLeft -= weight
    if (valuesLeft < 0) throw new JsonLimitError(`more than ${MAX_VALUES} values and names of members`)
  }

  const skipSpace = (): number => {
    for (;;) {
      const code = text.charCodeAt(at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code
      at++
    }
  }

  /** Reads the string whose opening quote is at `at`. Most have no escape and end at the next quote. */
  const readString = (): string => {
    const start = at + 1
    let end = text.indexOf('"', start)
    if (end < 0) fail('unterminated string')
    let plain = text.slice(start, end)
    // JSON.parse is the fastest check of a long string, such as a file in base64.
    if (end - start <= LONG_STRING) {
      if (care < start) care = indexOfCare(text, start)
      if (care >= end) {
        at = end + 1
        return plain
      }
    }
    while (isEscaped(text, start, end)) {
      end = text.indexOf('"', end + 1)
      if (end < 0) fail('unterminated string')
    }
    try {
      plain = JSON.parse(text.slice(at, end + 1)) as string
    } catch {
      fail('invalid string')
    }
    if (!plain.isWellFormed()) fail('lone surrogate in string')
    at = end + 1
    return plain
  }

  const readNumber = (): number | bigint | JsonFloat => {
    NUMBER.lastIndex = at
    const match = NUMBER.exec(text) ?? fail('unexpected character')
    at += match[0].length
    return numberOf(match)
  }

  const readWord = <T>(word: string, value: T): T => {
    if (!text.startsWith(word, at)) fail('unexpected character')
    at += word.length
    return value
  }

  const readValue = (depth: number): JsonValue => {
    count(1)
    const code = skipSpace()
    switch (code) {
      case QUOTE:
        if (at !== placeholder?.at) return readString()
        at += 2
        return placeholder.value
      case 0x7b:
        return readObject(depth + 1)
      case 0x5b:
        return readArray(depth + 1)
      case 0x74:
        return readWord('true', true)
      case 0x66:
        return readWord('false', false)
      case 0x6e:
        return readWord('null', null)
      default:
        return at < text.length ? readNumber() : fail('unexpected end')
    }
  }

  const readObject = (depth: number): JsonObject => {
    if (depth > MAX_DEPTH) fail('nested too deeply')
    count(OBJECT_WEIGHT - 1)
    const object = Object.create(null) as JsonObject
    at++
    if (skipSpace() === 0x7d) {
      at++
      return object
    }
    for (;;) {
      if (skipSpace() !== QUOTE) fail('expected a member name')
      count(1)
      const key = readString()
      if (key in object) fail(`duplicate member \`${key.slice(0, 64)}\``)
      if (skipSpace() !== 0x3a) fail('expected `:`')
      at++
      object[key] = readValue(depth)
      const code = skipSpace()
      at++
      if (code === 0x7d) return object
      if (code !== 0x2c) fail('expected `,` or `}`')
    }
  }

  const readArray = (depth: number): JsonValue[] => {
    if (depth > MAX_DEPTH) fail('nested too deeply')
    const array: JsonValue[] = []
    at++
    if (skipSpace() === 0x5d) {
      at++
      return array
    }
    for (;;) {
      array.push(readValue(depth))
      const code = skipSpace()
      at++
      if (code === 0x5d) return array
      if (code !== 0x2c) fail('expected `,` or `]`')
    }
  }

  const value = readValue(0)
  skipSpace()
  if (at < text.length) fail('unexpected character after the value')
  return value
}

/** @throws {JsonLimitError} if a string or number of a large message is too long */
export function checkTokenBytes(bytes: number): void {
  if (bytes > MAX_TOKEN_BYTES) throw new JsonLimitError(`a string or number of more than ${MAX_TOKEN_BYTES} bytes`)
}

/** The number that {@link NUMBER} has matched. */
export function numberOf([literal, fraction, exponent]: RegExpExecArray): number | bigint | JsonFloat {
  if (fraction !== undefined || exponent !== undefined || literal === '-0') return new JsonFloat(literal)
  if (literal.length < 16) return Number(literal)
  // No 64-bit integer is that long, and converting millions of digits takes quadratic time.
  if (literal.length > MAX_INTEGER_CHARACTERS) return new JsonFloat(literal)
  const exact = BigInt(literal)
  const near = Number(exact)
  return Number.isSafeInteger(near) ? near : exact
}

/** Index of the first character from `from` on that a string is read with care for, or the length. */
function indexOfCare(text: string, from: number): number {
  NEXT_CARE.lastIndex = from
  return NEXT_CARE.test(text) ? NEXT_CARE.lastIndex - 1 : text.length
}

/** Whether the quote at `quote` is escaped: an odd number of backslashes precedes it. */
function isEscaped(text: string, start: number, quote: number): boolean {
  let before = quote
  while (before > start && text.charCodeAt(before - 1) === BACKSLASH) before--
  return (quote - before) % 2 === 1
}

/** Whether a parsed value is an object; not an array, a float or decoded base64. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof JsonFloat || value instanceof Base64Text)
  )
}

/**
 * A copy of a string that does not retain the message it was read from. Engines implement substrings as views, so a
 * 20-character process id could otherwise keep a 60 MB message in memory.
 */
export function detached(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string
}
