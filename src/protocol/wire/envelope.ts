/**
 * The JSON-RPC envelope, without the `jsonrpc` member: one JSON object per WebSocket message or stdio line. A `method`
 * with an `id` is a request, a `method` alone a notification, anything else a response to a request of ours.
 */
import { MAX_TEXT_BYTES } from '../limits.ts'
import { parseJsonBytes } from './json-bytes.ts'
import type { Replaced } from './json-bytes.ts'
import { isJsonObject, JsonLimitError, JsonSyntaxError, parseJson } from './json.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { Base64Text, decodedView, decodeInPlace, findLongMember, latin1, LONG_BYTES } from './long-base64.ts'
import type { LongMember } from './long-base64.ts'
import { finish } from './steps.ts'
import type { Steps } from './steps.ts'

/** A request id as JSON text, so that 64-bit integers keep every digit. */
export type IdText = string

/** The id of error responses to messages whose own id could not be read. */
export const NO_ID: IdText = '-1'

/**
 * A decoded message. `keepsBytes` says that a part of the received bytes is in `params`; `detail` what is malformed; `id` is
 * that of a request that is too large to be read.
 */
export type Message =
  | { kind: 'request'; id: IdText; method: string; params: JsonValue; keepsBytes: boolean }
  | { kind: 'notification'; method: string }
  | { kind: 'response' }
  | { kind: 'malformed'; detail: string; id?: IdText }

const MIN_ID = -(2n ** 63n)
const MAX_ID = 2n ** 63n - 1n

// ignoreBOM keeps a byte-order mark in the text, so that the parser rejects it.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Decodes one message, and may overwrite `bytes`. Never throws: bad UTF-8, JSON or members, and too much of them, give `malformed`. */
export function parseMessage(bytes: Uint8Array): Message {
  if (bytes.length > LONG_BYTES) return finish(messageSteps(bytes, findLongMember(bytes)))
  try {
    return messageOf(parseJson(utf8.decode(bytes)), false)
  } catch (error) {
    return malformedBy(error, bytes)
  }
}

/** As {@link parseMessage}, for a message of more than {@link LONG_BYTES} bytes whose long member has been looked for. */
export function* messageSteps(bytes: Uint8Array, member: LongMember | undefined): Steps<Message> {
  try {
    const around = member === undefined ? undefined : yield* aroundSteps(bytes, member)
    return around === undefined ? messageOf(yield* valueSteps(bytes), false) : messageOf(around, true)
  } catch (error) {
    return malformedBy(error, bytes)
  }
}

function messageOf(value: JsonValue, keepsBytes: boolean): Message {
  return isJsonObject(value) ? classify(value, keepsBytes) : malformed('expected a JSON-RPC object')
}

function malformedBy(error: unknown, bytes: Uint8Array): Message {
  if (error instanceof JsonLimitError) return tooMuch(bytes, error.message)
  return malformed(error instanceof JsonSyntaxError ? error.message : 'not valid UTF-8')
}

/** What is said of a message whose text is longer than {@link MAX_TEXT_BYTES}. `bytes` may be only its beginning. */
export const tooMuchText = (bytes: Uint8Array): Message =>
  tooMuch(bytes, `more than ${MAX_TEXT_BYTES} bytes besides long base64`)

/** Parses a large message, with a value in place of a long string. Short texts are parsed in one go. */
function* valueSteps(bytes: Uint8Array, replaced?: Replaced): Steps<JsonValue> {
  const { start, end } = replaced ?? { start: 0, end: -1 }
  const length = bytes.length - (end + 1 - start)
  if (length > MAX_TEXT_BYTES) throw new JsonLimitError(`more than ${MAX_TEXT_BYTES} bytes besides long base64`)
  if (replaced === undefined || length > LONG_BYTES) return yield* parseJsonBytes(bytes, replaced)
  const before = utf8.decode(bytes.subarray(0, start))
  const text = `${before}""${utf8.decode(bytes.subarray(end + 1))}`
  return parseJson(text, { at: before.length, value: replaced.value })
}

/**
 * Decodes a message with a long base64 member in `params`, in place; undefined, with the message as it was, if the member
 * is elsewhere or not base64, or the message is malformed.
 */
function* aroundSteps(bytes: Uint8Array, member: LongMember): Steps<JsonValue | undefined> {
  const { name, start, end } = member
  const value = new Base64Text(decodedView(bytes, member))
  try {
    const message = yield* valueSteps(bytes, { start, end, value })
    const params = isJsonObject(message) ? message['params'] : undefined
    // Elsewhere, for example in environment variables, it is an ordinary string.
    if (!isJsonObject(params) || params[name] !== value) return undefined
    return (yield* decodeInPlace(bytes, member)) ? message : undefined
  } catch {
    return undefined
  }
}

/** The id at the beginning of a message, where clients write it. */
const LEADING_ID = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(-?(?:0|[1-9][0-9]{0,17})|"[\w-]{0,64}")\s*,/
/** Bytes of a message in which its id is looked for. */
export const LEADING_BYTES = 256

/** Keeps the id of a message that was not read to its end, so that the client of a large request learns why. */
function tooMuch(bytes: Uint8Array, detail: string): Message {
  const id = LEADING_ID.exec(latin1(bytes.subarray(0, LEADING_BYTES)))?.[1]
  return { ...malformed(detail), ...(id === undefined ? {} : { id }) }
}

/** Tells what kind of message a JSON object is. */
export function classify(object: JsonObject, keepsBytes: boolean): Message {
  if (!isTrace(object['trace'])) return malformed('`trace` must be an object of strings')
  const method = object['method']
  if (method === undefined) return classifyResponse(object)
  if (typeof method !== 'string') return malformed('`method` must be a string')
  if (!('id' in object)) return { kind: 'notification', method }
  const id = idText(object['id'])
  if (id === undefined) return malformed('`id` must be a string or a 64-bit integer')
  return { kind: 'request', id, method, params: object['params'] ?? null, keepsBytes }
}

function classifyResponse(object: JsonObject): Message {
  if (idText(object['id']) === undefined) return malformed('missing `method`')
  if ('result' in object) return { kind: 'response' }
  const error = object['error']
  const isError = isJsonObject(error) && isInteger(error['code']) && typeof error['message'] === 'string'
  return isError ? { kind: 'response' } : malformed('missing `method`, `result` or `error`')
}

function malformed(detail: string): Message & { kind: 'malformed' } {
  return { kind: 'malformed', detail }
}

function idText(id: JsonValue | undefined): IdText | undefined {
  if (typeof id === 'string') return JSON.stringify(id)
  if (!isInteger(id) || id < MIN_ID || id > MAX_ID) return undefined
  return String(id)
}

function isInteger(value: JsonValue | undefined): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

/** W3C trace context from newer clients. Only its shape is checked. */
function isTrace(trace: JsonValue | undefined): boolean {
  if (trace === undefined || trace === null) return true
  if (!isJsonObject(trace)) return false
  return ['traceparent', 'tracestate'].every((name) => {
    const value = trace[name] ?? null
    return value === null || typeof value === 'string'
  })
}

/** An error response as JSON text. Lone surrogates in `message` become U+FFFD. */
export const encodeError = (id: IdText, code: number, message: string): string =>
  `{"error":{"code":${code},"message":${JSON.stringify(message.toWellFormed())}},"id":${id}}`

/** A response as JSON text. `result` must be JSON text. */
export const encodeResult = (id: IdText, result: string): string => `{"id":${id},"result":${result}}`

/** A notification as JSON text. `params` must be JSON text. */
export const encodeNotification = (method: string, params: string): string =>
  `{"method":"${method}","params":${params}}`
