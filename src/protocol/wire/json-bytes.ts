/**
 * {@link parseJson} for large texts: in steps, and from bytes, since to make one long string of them takes tens of
 * milliseconds.
 */
import { MAX_DEPTH, MAX_VALUES, OBJECT_WEIGHT } from '../limits.ts'
import { checkTokenBytes, JsonLimitError, JsonSyntaxError, NEEDS_CARE, NUMBER, numberOf } from './json.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { latin1 } from './long-base64.ts'
import type { Steps } from './steps.ts'

/** A value in place of the string between two quotes, which is not read. */
export type Replaced = {
  /** Offsets of the quotes. */
  start: number
  end: number
  value: JsonValue
}

/** Bytes, and values, of one step: some hundred microseconds. */
const STEP_BYTES = 32 * 1024
const STEP_VALUES = 256

const Byte = {
  Tab: 0x09,
  LineFeed: 0x0a,
  Return: 0x0d,
  Space: 0x20,
  Quote: 0x22,
  Plus: 0x2b,
  Comma: 0x2c,
  Minus: 0x2d,
  Point: 0x2e,
  Zero: 0x30,
  Nine: 0x39,
  Colon: 0x3a,
  UpperE: 0x45,
  OpenArray: 0x5b,
  Backslash: 0x5c,
  CloseArray: 0x5d,
  E: 0x65,
  OpenObject: 0x7b,
  CloseObject: 0x7d,
} as const

const WORDS = new Map<number | undefined, { word: string; value: boolean | null }>(
  Object.entries({ true: true, false: false, null: null }).map(([word, value]) => [
    word.charCodeAt(0),
    { word, value },
  ]),
)

// ignoreBOM keeps a byte-order mark in the text, so that it is no part of any token.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** An object or array that has not ended; `key` is the name of the member whose value comes next. */
type Container = { object: JsonObject; key: string } | { array: JsonValue[] }

/**
 * Parses one JSON value.
 * @throws {JsonSyntaxError}
 * @throws {TypeError} for a string that is not UTF-8
 */
export function* parseJsonBytes(bytes: Uint8Array, replaced?: Replaced): Steps<JsonValue> {
  const reader = new TokenReader(bytes, replaced)
  const open: Container[] = []
  for (let from = 0, values = 1; ; values++) {
    if (values % STEP_VALUES === 0 || reader.at - from >= STEP_BYTES) {
      from = reader.at
      yield
    }
    let value = beginValue(reader, open)
    if (value === undefined) continue
    for (let isOver = true; isOver; ) {
      const container = open.at(-1)
      if (container === undefined) {
        reader.expectEnd()
        return value
      }
      isOver = addTo(container, value, reader)
      if (isOver) value = 'array' in container ? container.array : container.object
      if (isOver) open.pop()
    }
  }
}

/** Reads a value, or only its beginning, if it has values in it: then gives undefined. */
function beginValue(reader: TokenReader, open: Container[]): JsonValue | undefined {
  reader.count(1)
  const code = reader.skipSpace()
  if (code === Byte.OpenObject) {
    reader.expectDepth(open.length + 1)
    reader.count(OBJECT_WEIGHT - 1)
    const object = Object.create(null) as JsonObject
    reader.at++
    if (reader.skips(Byte.CloseObject)) return object
    open.push({ object, key: reader.memberName(object) })
    return undefined
  }
  if (code !== Byte.OpenArray) return reader.scalar(code)
  reader.expectDepth(open.length + 1)
  const array: JsonValue[] = []
  reader.at++
  if (reader.skips(Byte.CloseArray)) return array
  open.push({ array })
  return undefined
}

/** Adds a value that has been read. Returns whether it was the last one. */
function addTo(container: Container, value: JsonValue, reader: TokenReader): boolean {
  if ('array' in container) {
    container.array.push(value)
    return reader.endsWith(Byte.CloseArray, 'expected `,` or `]`')
  }
  container.object[container.key] = value
  if (reader.endsWith(Byte.CloseObject, 'expected `,` or `}`')) return true
  container.key = reader.memberName(container.object)
  return false
}

/** Reads tokens. Its errors are those of `parseJson`, and a position in UTF-16 code units, too. */
class TokenReader {
  readonly #bytes: Uint8Array
  readonly #replaced: Replaced | undefined
  #valuesLeft = MAX_VALUES
  /** Offset of the next backslash, or of one that was passed. */
  #backslash = -1
  at = 0

  constructor(bytes: Uint8Array, replaced: Replaced | undefined) {
    this.#bytes = bytes
    this.#replaced = replaced
  }

  fail(what: string): never {
    const beyond = Math.max(0, this.at - this.#bytes.length)
    throw new JsonSyntaxError(`${what} at character ${unitsOf(this.#bytes.subarray(0, this.at)) + beyond}`)
  }

  /** Throws once there are more values than a message may have. */
  count(weight: number): void {
    this.#valuesLeft -= weight
    if (this.#valuesLeft < 0) throw new JsonLimitError(`more than ${MAX_VALUES} values and names of members`)
  }

  expectDepth(depth: number): void {
    if (depth > MAX_DEPTH) this.fail('nested too deeply')
  }

  expectEnd(): void {
    this.skipSpace()
    if (this.at < this.#bytes.length) this.fail('unexpected character after the value')
  }

  /** Returns the byte that comes next. */
  skipSpace(): number | undefined {
    for (;;) {
      const byte = this.#bytes[this.at]
      if (byte !== Byte.Space && byte !== Byte.LineFeed && byte !== Byte.Return && byte !== Byte.Tab) return byte
      this.at++
    }
  }

  /** Whether `byte` came next, which is then passed. */
  skips(byte: number): boolean {
    if (this.skipSpace() !== byte) return false
    this.at++
    return true
  }

  /** Whether `close` comes next, and not a comma. */
  endsWith(close: number, expected: string): boolean {
    const byte = this.skipSpace()
    this.at++
    if (byte !== close && byte !== Byte.Comma) this.fail(expected)
    return byte === close
  }

  /** Reads the name of a member of `object`, and the colon. */
  memberName(object: JsonObject): string {
    if (this.skipSpace() !== Byte.Quote) this.fail('expected a member name')
    this.count(1)
    const name = this.#string()
    if (name in object) this.fail(`duplicate member \`${name.slice(0, 64)}\``)
    if (!this.skips(Byte.Colon)) this.fail('expected `:`')
    return name
  }

  scalar(code: number | undefined): JsonValue {
    if (code === Byte.Quote) {
      if (this.at !== this.#replaced?.start) return this.#string()
      this.at = this.#replaced.end + 1
      return this.#replaced.value
    }
    const known = WORDS.get(code)
    if (known !== undefined) return this.#word(known)
    return this.at < this.#bytes.length ? this.#number() : this.fail('unexpected end')
  }

  #word({ word, value }: { word: string; value: boolean | null }): boolean | null {
    if (latin1(this.#bytes.subarray(this.at, this.at + word.length)) !== word) this.fail('unexpected character')
    this.at += word.length
    return value
  }

  #number(): JsonValue {
    const bytes = this.#bytes
    let end = this.at
    while (isOfNumber(bytes[end])) end++
    checkTokenBytes(end - this.at)
    NUMBER.lastIndex = 0
    const match = NUMBER.exec(latin1(bytes.subarray(this.at, end))) ?? this.fail('unexpected character')
    this.at += match[0].length
    return numberOf(match)
  }

  /** Reads the string whose opening quote comes next. */
  #string(): string {
    const bytes = this.#bytes
    const start = this.at + 1
    let end = bytes.indexOf(Byte.Quote, start)
    if (this.#backslash < start) this.#backslash = indexOrEnd(bytes, Byte.Backslash, start)
    const isPlain = this.#backslash > end
    if (!isPlain) end = endOfEscaped(bytes, this.#backslash)
    if (end < 0) this.fail('unterminated string')
    checkTokenBytes(end - start)
    const text = isPlain ? utf8.decode(bytes.subarray(start, end)) : this.#escaped(end)
    if (isPlain && NEEDS_CARE.test(text)) this.fail('invalid string')
    this.at = end + 1
    return text
  }

  #escaped(end: number): string {
    const literal = utf8.decode(this.#bytes.subarray(this.at, end + 1))
    let text = ''
    try {
      text = JSON.parse(literal) as string
    } catch {
      this.fail('invalid string')
    }
    if (!text.isWellFormed()) this.fail('lone surrogate in string')
    return text
  }
}

const isOfNumber = (byte: number | undefined): boolean =>
  byte !== undefined &&
  ((byte >= Byte.Zero && byte <= Byte.Nine) ||
    byte === Byte.Minus ||
    byte === Byte.Plus ||
    byte === Byte.Point ||
    byte === Byte.E ||
    byte === Byte.UpperE)

function indexOrEnd(bytes: Uint8Array, byte: number, from: number): number {
  const index = bytes.indexOf(byte, from)
  return index < 0 ? bytes.length : index
}

/** Offset of the quote that ends a string, whose first backslash is at `at`; negative if there is none. */
function endOfEscaped(bytes: Uint8Array, at: number): number {
  for (let index = at; index < bytes.length; index++) {
    const byte = bytes[index]
    if (byte === Byte.Backslash) index++
    else if (byte === Byte.Quote) return index
  }
  return -1
}

/** UTF-16 code units of a text. A character of four bytes has two. */
function unitsOf(bytes: Uint8Array): number {
  let units = 0
  for (const byte of bytes) if ((byte & 0xc0) !== 0x80) units += byte >= 0xf0 ? 2 : 1
  return units
}
