/**
 * The envelope: one JSON object a WebSocket message or stdio line, JSON-RPC without the `jsonrpc` member.
 * What the members are decides the kind: method and id make a request, a method alone a notification,
 * everything else answers a request of ours.
 */
import { isJsonObject, JsonSyntaxError, parseJson } from './json.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { findLongMember, LONG_BYTES } from './long-base64.ts'

/** A request id as JSON text, so that 64-bit integers go back digit for digit. */
export type IdText = string

/** The id of answers to messages whose own id could not be read. */
export const NO_ID: IdText = '-1'

export type Message =
  | { kind: 'request'; id: IdText; method: string; params: JsonValue }
  | { kind: 'notification'; method: string }
  | { kind: 'answer' }
  | { kind: 'malformed'; detail: string }

const MIN_ID = -(2n ** 63n)
const MAX_ID = 2n ** 63n - 1n

// A BOM is malformed input, so the decoder is told to hand it on instead of swallowing it.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function parseMessage(bytes: Uint8Array): Message {
  let value: JsonValue
  try {
    value = (bytes.length > LONG_BYTES ? parseAround(bytes) : undefined) ?? parseJson(utf8.decode(bytes))
  } catch (error) {
    if (error instanceof JsonSyntaxError) return malformed(error.message)
    return malformed('not valid UTF-8')
  }
  return isJsonObject(value) ? classify(value) : malformed('expected a JSON-RPC object')
}

/** Reads a message with a long base64 member in its params; undefined if it is not one, or there is something wrong with it. */
function parseAround(bytes: Uint8Array): JsonValue | undefined {
  const member = findLongMember(bytes)
  if (member === undefined) return undefined
  const { name, start, end, value } = member
  try {
    const before = utf8.decode(bytes.subarray(0, start))
    const message = parseJson(`${before}""${utf8.decode(bytes.subarray(end + 1))}`, { at: before.length, value })
    const params = isJsonObject(message) ? message['params'] : undefined
    // Elsewhere, say among environment variables, it is a string like any other.
    return isJsonObject(params) && params[name] === value ? message : undefined
  } catch {
    return undefined
  }
}

function classify(object: JsonObject): Message {
  if (!isTrace(object['trace'])) return malformed('`trace` must be an object of strings')
  const method = object['method']
  if (method === undefined) return classifyAnswer(object)
  if (typeof method !== 'string') return malformed('`method` must be a string')
  if (!('id' in object)) return { kind: 'notification', method }
  const id = idText(object['id'])
  if (id === undefined) return malformed('`id` must be a string or a 64-bit integer')
  return { kind: 'request', id, method, params: object['params'] ?? null }
}

function classifyAnswer(object: JsonObject): Message {
  if (idText(object['id']) === undefined) return malformed('missing `method`')
  if ('result' in object) return { kind: 'answer' }
  const error = object['error']
  const isError = isJsonObject(error) && isInteger(error['code']) && typeof error['message'] === 'string'
  return isError ? { kind: 'answer' } : malformed('missing `method`, `result` or `error`')
}

function malformed(detail: string): Message {
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

/** W3C trace context that newer clients may add. It is read for its shape only. */
function isTrace(trace: JsonValue | undefined): boolean {
  if (trace === undefined || trace === null) return true
  if (!isJsonObject(trace)) return false
  return ['traceparent', 'tracestate'].every((name) => {
    const value = trace[name] ?? null
    return value === null || typeof value === 'string'
  })
}

export const encodeError = (id: IdText, code: number, message: string): string =>
  `{"error":{"code":${code},"message":${JSON.stringify(message.toWellFormed())}},"id":${id}}`

/** `result` is JSON text already. */
export const encodeResult = (id: IdText, result: string): string => `{"id":${id},"result":${result}}`

/** `params` is JSON text already. */
export const encodeNotification = (method: string, params: string): string =>
  `{"method":"${method}","params":${params}}`
