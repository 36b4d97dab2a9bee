/**
 * Messages of a client in the server's program: values instead of JSON text. They are copied, and checked by the same
 * rules and limits, so that they are to the server what their JSON text would be.
 */
import { MAX_DEPTH, MAX_TEXT_BYTES, MAX_VALUES, OBJECT_WEIGHT } from '../limits.ts'
import { classify, LEADING_BYTES } from './envelope.ts'
import type { Message } from './envelope.ts'
import { checkTokenBytes, JsonLimitError, JsonSyntaxError, parseJson } from './json.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { Base64Text } from './long-base64.ts'
import { stringBytes } from './string-bytes.ts'

/** A message, and the length in bytes that its JSON text would have. */
export type SizedMessage = { message: Message; bytes: number }

/** Reads one message. Never throws for what is no JSON: that gives `malformed`, with the id of the request. */
export function messageOfValue(message: { id?: number }): SizedMessage {
  const reader = new ValueReader()
  try {
    const value = reader.read(message, 0)
    return { message: classify(value as JsonObject, false), bytes: reader.bytes }
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    const id = message.id === undefined ? {} : { id: String(message.id) }
    return { message: { kind: 'malformed', detail: error.message, ...id }, bytes: LEADING_BYTES }
  }
}

/** Copies values as JSON.stringify and {@link parseJson} would, and measures their text. */
class ValueReader {
  /** Length of the JSON text so far, with bytes in base64. */
  bytes = 0
  #textBytes = 0
  #valuesLeft = MAX_VALUES

  read(value: unknown, depth: number): JsonValue {
    this.#count(1)
    switch (typeof value) {
      case 'string':
        return this.#string(value)
      case 'number':
        return this.#number(value)
      case 'boolean':
        this.#text(value ? 4 : 5)
        return value
      case 'object':
        if (value === null) break
        if (value instanceof Uint8Array) return this.#base64(value)
        return Array.isArray(value) ? this.#array(value, depth + 1) : this.#object(value, depth + 1)
    }
    this.#text(4)
    return null
  }

  #string(text: string): string {
    if (!text.isWellFormed()) throw new JsonSyntaxError('lone surrogate in string')
    const bytes = stringBytes(text)
    this.#text(bytes)
    checkTokenBytes(bytes - 2)
    return text
  }

  #number(value: number): JsonValue {
    const text = Number.isFinite(value) ? String(value) : 'null'
    this.#text(text.length)
    return Number.isSafeInteger(value) ? value + 0 : parseJson(text)
  }

  #base64(bytes: Uint8Array): Base64Text {
    this.bytes += Math.ceil(bytes.length / 3) * 4 + 2
    return new Base64Text(new Uint8Array(bytes))
  }

  #array(items: readonly unknown[], depth: number): JsonValue[] {
    if (depth > MAX_DEPTH) throw new JsonSyntaxError('nested too deeply')
    this.#text(Math.max(2, items.length + 1))
    return items.map((item) => this.read(item, depth))
  }

  #object(from: object, depth: number): JsonObject {
    if (depth > MAX_DEPTH) throw new JsonSyntaxError('nested too deeply')
    this.#count(OBJECT_WEIGHT - 1)
    const before = this.bytes
    this.#text(1)
    const object = Object.create(null) as JsonObject
    for (const [name, value] of Object.entries(from)) {
      if (value === undefined || typeof value === 'function' || typeof value === 'symbol') continue
      this.#count(1)
      this.#string(name)
      this.#text(2)
      object[name] = this.read(value, depth)
    }
    if (this.bytes === before + 1) this.#text(1)
    return object
  }

  #text(bytes: number): void {
    this.bytes += bytes
    this.#textBytes += bytes
    if (this.#textBytes > MAX_TEXT_BYTES)
      throw new JsonLimitError(`more than ${MAX_TEXT_BYTES} bytes besides long base64`)
  }

  #count(weight: number): void {
    this.#valuesLeft -= weight
    if (this.#valuesLeft < 0) throw new JsonLimitError(`more than ${MAX_VALUES} values and names of members`)
  }
}
