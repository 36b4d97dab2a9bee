/** What `fetch` is called with, read into what goes to the server. */
import { joined } from '../../core/base/bytes.ts'
import { unlessAborted } from '../session/abort.ts'
import type { HttpInit } from '../base/types.ts'

export type HeaderLine = { name: string; value: string; valueEnvVar?: string }

export type AskedRequest = {
  method: string
  /** An http: or https: URL. */
  url: string
  /** In order, names in small letters. */
  headers: HeaderLine[]
  body: Uint8Array | undefined
  redirect: 'follow' | 'manual' | 'error'
  signal: AbortSignal | undefined
  timeoutMs: number | undefined
}

/** These are the same in any letters; others are sent as they are. */
const NORMALIZED = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'])

/** Throws TypeError for what is no request, RangeError for a body above `maxBody` bytes, and the signal's reason. */
export async function readRequest(
  input: string | URL | Request,
  init: HttpInit,
  maxBody: number,
): Promise<AskedRequest> {
  const request = input instanceof Request ? input : undefined
  const url = new URL(request?.url ?? String(input))
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError(`fetch makes http and https requests, not ${url.protocol}`)
  // A check that nobody makes is worse than none.
  if ((init.integrity ?? request?.integrity ?? '') !== '') throw new TypeError('integrity is not checked here')
  const method = methodOf(init.method ?? request?.method ?? 'GET')
  const headers = headerLines(init.headers ?? request?.headers)
  const signal = init.signal ?? request?.signal ?? undefined
  signal?.throwIfAborted()
  const given = init.body ?? request?.body ?? undefined
  if (given !== undefined && (method === 'GET' || method === 'HEAD'))
    throw new TypeError(`a ${method} request has no body`)
  const { body, type } = given === undefined ? {} : await readBody(given, maxBody, signal)
  if (type !== undefined && !has(headers, 'content-type')) headers.push({ name: 'content-type', value: type })
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

export const has = (headers: readonly HeaderLine[], name: string): boolean =>
  headers.some((header) => header.name === name)

/** Lists keep their order and repeats. Throws TypeError for what is no header. */
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
    if (has(others, line.name)) throw new TypeError(`the header ${line.name} is given twice, once from the environment`)
    return line
  })
}

function milliseconds(timeoutMs: number | undefined): number | undefined {
  if (timeoutMs === undefined) return undefined
  if (!(timeoutMs >= 0 && timeoutMs <= Number.MAX_SAFE_INTEGER))
    throw new TypeError('timeoutMs must be a number of milliseconds')
  return Math.ceil(timeoutMs)
}

/** The protocol takes bodies whole. A Response reads whatever can be one, as a Request would, and knows its type. */
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
