/** Converts the arguments of `fetch` to a request for the server. */
import { joined } from '../../core/base/bytes.ts'
import { unlessAborted } from '../session/abort.ts'
import type { HttpInit } from '../base/types.ts'

/** A header; `valueEnvVar` names the devbox's variable to append to `value`. */
export type HeaderLine = { name: string; value: string; valueEnvVar?: string }

/** A validated request. */
export type FetchRequest = {
  method: string
  /** An http: or https: URL. */
  url: string
  /** In order; names in lower case. */
  headers: HeaderLine[]
  body: Uint8Array | undefined
  redirect: 'follow' | 'manual' | 'error'
  signal: AbortSignal | undefined
  timeoutMs: number | undefined
}

/** Methods that are case-insensitive; others are sent unchanged. */
const NORMALIZED = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'])

/**
 * Reads the arguments of `fetch`, including the whole body. Also rejects with the signal's reason.
 * @throws {TypeError} If the request is invalid.
 * @throws {RangeError} If the body exceeds `maxBody` bytes.
 */
export async function readRequest(
  input: string | URL | Request,
  init: HttpInit,
  maxBody: number,
): Promise<FetchRequest> {
  const request = input instanceof Request ? input : undefined
  const url = new URL(request?.url ?? String(input))
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError(`fetch makes http and https requests, not ${url.protocol}`)
  // Refuse rather than ignore a check that is not implemented.
  if ((init.integrity ?? request?.integrity ?? '') !== '') throw new TypeError('integrity is not checked here')
  const method = methodOf(init.method ?? request?.method ?? 'GET')
  const headers = headerLines(init.headers ?? request?.headers)
  const signal = init.signal ?? request?.signal ?? undefined
  signal?.throwIfAborted()
  const given = init.body ?? request?.body ?? undefined
  if (given !== undefined && (method === 'GET' || method === 'HEAD'))
    throw new TypeError(`a ${method} request has no body`)
  const { body, type } = given === undefined ? {} : await readBody(given, maxBody, signal)
  if (type !== undefined && !hasHeader(headers, 'content-type')) headers.push({ name: 'content-type', value: type })
  return {
    method,
    url: url.href,
    headers: [...headers, ...fromEnvironment(init.headersFromEnvironment ?? [], headers)],
    body,
    redirect: init.redirect ?? request?.redirect ?? 'follow',
    signal,
    timeoutMs: milliseconds(init.timeoutMs),
  }
}

function methodOf(text: string): string {
  const upper = text.toUpperCase()
  return NORMALIZED.has(upper) ? upper : text
}

/** Whether the list has this header. `name` is in lower case. */
export const hasHeader = (headers: readonly HeaderLine[], name: string): boolean =>
  headers.some((header) => header.name === name)

/**
 * Keeps the order and repeats of a list.
 * @throws {TypeError} If a header is invalid.
 */
function headerLines(headers: HeadersInit | undefined): HeaderLine[] {
  if (headers === undefined) return []
  new Headers(headers)
  const pairs = Symbol.iterator in headers ? [...(headers as Iterable<[string, string]>)] : Object.entries(headers)
  return pairs.map(([name, value]) => ({
    name: name.toLowerCase(),
    value: String(value).replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, ''),
  }))
}

function fromEnvironment(
  given: NonNullable<HttpInit['headersFromEnvironment']>,
  others: readonly HeaderLine[],
): HeaderLine[] {
  return given.map(({ name, prefix = '', variable }) => {
    new Headers([[name, prefix]])
    const line = { name: name.toLowerCase(), value: prefix, valueEnvVar: variable }
    if (hasHeader(others, line.name))
      throw new TypeError(`the header ${line.name} is given twice, once from the environment`)
    return line
  })
}

function milliseconds(timeoutMs: number | undefined): number | undefined {
  if (timeoutMs === undefined) return undefined
  if (!(timeoutMs >= 0 && timeoutMs <= Number.MAX_SAFE_INTEGER))
    throw new TypeError('timeoutMs must be a number of milliseconds')
  return Math.ceil(timeoutMs)
}

/** The protocol needs the whole body. Response accepts every BodyInit and determines its content type. */
async function readBody(
  given: BodyInit,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<{ body: Uint8Array; type: string | undefined }> {
  const { body, headers } = new Response(given)
  const type = headers.get('content-type') ?? undefined
  const pieces: Uint8Array[] = []
  let total = 0
  const reader = body?.getReader()
  try {
    for (;;) {
      const { done, value } = (await unlessAborted(reader?.read() ?? Promise.resolve(undefined), signal)) ?? {
        done: true,
      }
      if (done || value === undefined) return { body: joined(pieces, total), type }
      if (!(value instanceof Uint8Array)) throw new TypeError('a request body is a stream of Uint8Arrays')
      total += value.length
      if (total > maxBytes)
        throw new RangeError(`a request body goes in one message, of no more than ${maxBytes} bytes`)
      pieces.push(value)
    }
  } catch (error) {
    reader?.cancel(error).catch(() => {})
    throw error
  }
}
