/** Validates an http/request and prepares it for sending; builds the request that follows a redirect. */
import { internalError, invalidParams } from '../../protocol/wire/errors.ts'
import type { HttpHeader, HttpRequestParams } from '../../protocol/schemas/http.ts'
import type { HttpRequest, HttpResponse } from '../base/host.ts'

/** Credentials of clients and cloud providers: no header may take its value from them. Same list as the reference. */
const FORBIDDEN_VARIABLES = new Set([
  'OPENAI_API_KEY',
  'CODEX_API_KEY',
  'CODEX_ACCESS_TOKEN',
  'CODEX_CONNECTORS_TOKEN',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AZURE_CLIENT_SECRET',
  'AZURE_FEDERATED_TOKEN_FILE',
  'GOOGLE_APPLICATION_CREDENTIALS',
])

/** A token as in RFC 9110. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Control characters, which a header value must not contain. All non-ASCII characters are allowed. */
const NO_VALUE = /[\0-\x08\x0a-\x1f\x7f]/

/** Headers that frame the body; dropped, because the request's own body determines the framing. */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'trailer'])

/** A request. Its `secretHeaders` come from environment variables and must not be sent to another origin. */
export type PreparedRequest = HttpRequest & { secretHeaders: ReadonlySet<string> }

/**
 * Validates the params and fills in header values from `environment`.
 * @throws -32602 for the first problem
 */
export function prepareRequest(params: HttpRequestParams, environment: ReadonlyMap<string, string>): PreparedRequest {
  const { method, bodyBase64: body } = params
  if (!TOKEN.test(method)) throw invalidParams('http/request method is invalid: invalid HTTP method')
  const url = parseUrl(params.url)
  const secretHeaders = new Set<string>()
  const headers = params.headers.map(({ name, value, valueEnvVar }): HttpHeader => {
    if (!TOKEN.test(name)) throw invalidParams('http/request header name is invalid: invalid HTTP header name')
    const line = { name: name.toLowerCase(), value }
    if (valueEnvVar !== null && valueEnvVar !== undefined) {
      line.value += variable(name, valueEnvVar, environment)
      secretHeaders.add(line.name)
    }
    if (NO_VALUE.test(line.value))
      throw invalidParams(`http/request header value is invalid for ${name}: failed to parse header value`)
    return line
  })
  return {
    ...withoutCredentials(
      url,
      headers.filter(({ name }) => !FRAMING.has(name)),
    ),
    method,
    body: body ?? undefined,
    secretHeaders,
  }
}

function parseUrl(text: string): URL {
  let url
  try {
    url = new URL(text)
  } catch {
    throw invalidParams('http/request url is invalid: not an absolute URL')
  }
  if (!isHttp(url))
    throw invalidParams(`http/request only supports http and https URLs, got ${url.protocol.slice(0, -1).slice(0, 50)}`)
  return url
}

const isHttp = (url: URL): boolean => url.protocol === 'http:' || url.protocol === 'https:'

function variable(header: string, name: string, environment: ReadonlyMap<string, string>): string {
  if (FORBIDDEN_VARIABLES.has(name.toUpperCase())) {
    throw invalidParams(`http/request header ${header} cannot use executor environment variable ${name}`)
  }
  const value = environment.get(name)
  if (value === undefined)
    throw invalidParams(`http/request header ${header} requires executor environment variable ${name}`)
  if (value === '')
    throw invalidParams(`http/request header ${header} requires a non-empty executor environment variable ${name}`)
  return value
}

/** Moves a user and password in the URL to an Authorization header, unless there is one. */
function withoutCredentials(from: URL, given: readonly HttpHeader[]): { url: URL; headers: HttpHeader[] } {
  const url = new URL(from)
  const { username, password } = url
  url.username = url.password = url.hash = ''
  const headers = [...given]
  if ((username !== '' || password !== '') && !has(headers, 'authorization')) {
    const pair = new TextEncoder().encode(`${decodeComponent(username)}:${decodeComponent(password)}`)
    headers.push({ name: 'authorization', value: `Basic ${pair.toBase64()}` })
  }
  return { url, headers }
}

function decodeComponent(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const has = (headers: readonly HttpHeader[], name: string): boolean => headers.some((header) => header.name === name)

const without = (headers: readonly HttpHeader[], names: ReadonlySet<string>): HttpHeader[] =>
  headers.filter(({ name }) => !names.has(name))

// ---- redirects ----

/** Headers dropped on a redirect to another origin. */
const FOR_THE_ORIGIN = new Set(['authorization', 'cookie', 'cookie2', 'proxy-authorization', 'www-authenticate'])

/** Headers dropped with the body. */
const ABOUT_THE_BODY = new Set(['content-encoding', 'content-language', 'content-location', 'content-type'])

/**
 * The request that follows a redirect; undefined if the response is final.
 * @throws -32603 for a redirect to anything but http or https
 */
export function redirected(
  request: PreparedRequest,
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
): PreparedRequest | undefined {
  const location = headers.find(({ name }) => name === 'location')?.value
  if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) return undefined
  let target
  try {
    target = new URL(location, request.url)
  } catch {
    return undefined
  }
  if (!isHttp(target))
    throw internalError(
      `http/request failed: redirect target uses unsupported URL scheme: ${target.protocol.slice(0, -1)}`,
    )
  const becomesGet =
    status === 303 ? request.method !== 'HEAD' : (status === 301 || status === 302) && request.method === 'POST'
  const isSame = target.origin === request.url.origin
  let kept = without(
    request.headers,
    new Set(['referer', ...(request.headers.some(({ name }) => name === 'host') && !isSame ? ['host'] : [])]),
  )
  if (becomesGet) kept = without(kept, ABOUT_THE_BODY)
  if (!isSame) kept = without(without(kept, FOR_THE_ORIGIN), request.secretHeaders)
  const isLeavingTls = request.url.protocol === 'https:' && target.protocol === 'http:'
  if (!isLeavingTls) kept.push({ name: 'referer', value: isSame ? request.url.href : `${request.url.origin}/` })
  return {
    ...withoutCredentials(target, kept),
    method: becomesGet ? 'GET' : request.method,
    body: becomesGet ? undefined : request.body,
    secretHeaders: request.secretHeaders,
  }
}
