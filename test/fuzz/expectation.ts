/** What the protocol says of a message, told without the server's own code. */
import { Figure, readJson } from './json-reader.ts'
import type { Read } from './json-reader.ts'

export type Expected =
  /** Exactly one answer, with this id as JSON text. */
  | { kind: 'request'; id: string; method: string; params: Read }
  /** One error with id -1. */
  | { kind: 'malformed' }
  | { kind: 'notification'; method: string }
  | { kind: 'answer' }

const MALFORMED: Expected = { kind: 'malformed' }

export function expected(bytes: Uint8Array): Expected {
  const message = readJson(bytes)
  if (!(message instanceof Map) || !isTrace(message.get('trace') ?? null)) return MALFORMED
  const id = message.has('id') ? idText(message.get('id') ?? null) : undefined
  const method = message.get('method')
  if (method === undefined)
    return id !== undefined && (message.has('result') || isError(message.get('error') ?? null))
      ? { kind: 'answer' }
      : MALFORMED
  if (typeof method !== 'string') return MALFORMED
  if (!message.has('id')) return { kind: 'notification', method }
  if (id === undefined) return MALFORMED
  return { kind: 'request', id, method, params: message.get('params') ?? null }
}

/** Strings, and integers of 64 bits, to their last digit. */
function idText(id: Read): string | undefined {
  if (typeof id === 'string') return JSON.stringify(id)
  if (!isInteger(id)) return undefined
  const value = id.text.length > 20 ? 2n ** 64n : BigInt(id.text)
  return BigInt.asIntN(64, value) === value ? String(value) : undefined
}

const isInteger = (value: Read): value is Figure =>
  value instanceof Figure && /^-?[0-9]+$/.test(value.text) && value.text !== '-0'

function isError(error: Read): boolean {
  return error instanceof Map && isInteger(error.get('code') ?? null) && typeof error.get('message') === 'string'
}

function isTrace(trace: Read): boolean {
  if (trace === null) return true
  if (!(trace instanceof Map)) return false
  return ['traceparent', 'tracestate'].every(
    (name) => ['string', 'object'].includes(typeof (trace.get(name) ?? null)) && !isStructure(trace.get(name) ?? null),
  )
}

const isStructure = (value: Read): boolean => value !== null && typeof value === 'object'

/** Whether an initialize with these params succeeds, on a connection that has no session yet. */
export function opensSession(params: Read): boolean {
  return (
    params instanceof Map &&
    typeof params.get('clientName') === 'string' &&
    (params.get('resumeSessionId') ?? null) === null
  )
}

/** A line of stdin, or one that the fs-helper gets, may be blank. */
export function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}
