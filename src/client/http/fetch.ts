/**
 * `fetch`, performed on the devbox by http/request. As in the standard:
 *
 * - TypeError('fetch failed') with the server's error as its cause; TypeError('terminated') for a body that breaks off;
 * - the server asks for gzip and zstd and decodes them. What an older one passes on in gzip or deflate is decoded
 *   here, unless the request sets accept-encoding itself;
 * - no cookies, no cache.
 *
 * Differences: the request body is collected before it is sent; `redirect: 'manual'` returns the response with its
 * status and headers; `url` and `redirected` are set only if redirects are not followed. A lost connection is a
 * DisconnectedError, and no request is sent twice.
 *
 * With the server's extensions `bodyWindow` and `httpCancel`, the body is sent no faster than it is read, and aborting,
 * cancelling or abandoning it cancels the request on the devbox. Without them, the whole connection is paused for a
 * slow reader, for a limited time and only while no call is pending; a body fails once more than 16 MiB of all bodies
 * are queued; and an abandoned request continues on the devbox until the connection ends or `timeoutMs` has passed.
 */
import { RpcError } from '../../protocol/wire/errors.ts'
import type { HttpHeader } from '../../protocol/schemas/http.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { ParamsWithBytes } from '../transports/client-message.ts'
import type { Params, RpcClient } from '../session/rpc-client.ts'
import { ProtocolError, UnsupportedError } from '../base/errors.ts'
import { hasHeader, readRequest } from './fetch-request.ts'
import type { FetchRequest } from './fetch-request.ts'
import { receivedStreams } from '../streams/received-streams.ts'
import type { StreamKind } from '../streams/received-streams.ts'
import type { ReceivedStream } from '../streams/received-stream.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { RemoteFetch } from '../base/types.ts'
import { isMissingMethod, unsupported } from '../session/unsupported.ts'

type HttpResult = { status?: unknown; headers?: unknown } | null

/** The streamed bodies of responses. */
const BODIES: StreamKind = {
  what: 'response body',
  notification: Method.HttpBodyDelta,
  idName: 'requestId',
  acknowledge: Method.HttpAcknowledge,
  windowExtension: 'bodyWindow',
  cancel: Method.HttpCancel,
  cancelExtension: 'httpCancel',
  failure: (text) => new TypeError('terminated', { cause: new Error(text) }),
}

/** Responses with these statuses have no body. */
const NULL_BODY_STATUSES = new Set([101, 103, 204, 205, 304])

const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308])

const CODINGS: Record<string, 'gzip' | 'deflate'> = { gzip: 'gzip', 'x-gzip': 'gzip', deflate: 'deflate' }

/** Creates the session's `fetch`. */
export function createFetch(rpc: RpcClient, limits: ClientLimits): RemoteFetch {
  const bodies = receivedStreams(rpc, limits, BODIES)
  let opened = 0
  return async (input, init = {}) => {
    const request = await readRequest(input, init, limits.httpRequestBody)
    checkCapabilities(request, rpc)
    const { signal } = request
    const own: { body?: ReceivedStream } = {}
    // Opened when the request is sent: a body is tied to its connection, and deltas may arrive before the response is
    // processed.
    const params = (): Params => requestParams(request, (own.body ??= bodies.open(`http-${++opened}`)))
    try {
      const result = await rpc.call<HttpResult>(Method.HttpRequest, params, { signal })
      signal?.throwIfAborted()
      return responseOf(request, result, abortWith(own.body as ReceivedStream, signal))
    } catch (error) {
      // A rejected request needs no cancelling.
      if (error instanceof RpcError) own.body?.end(error)
      else own.body?.abort(error)
      if (!(error instanceof RpcError)) throw error
      if (isMissingMethod(error)) throw unsupported(Method.HttpRequest)
      throw new TypeError('fetch failed', { cause: error })
    }
  }
}

function abortWith(body: ReceivedStream, signal: AbortSignal | undefined): ReceivedStream {
  const abort = (): void => body.abort(signal?.reason)
  signal?.addEventListener('abort', abort)
  body.onDone = () => signal?.removeEventListener('abort', abort)
  return body
}

/**
 * Servers ignore members that they do not know: redirects would be followed and secrets left out. Servers up to 0.140,
 * which do not report their environment, know neither.
 */
function checkCapabilities({ redirect, headers }: FetchRequest, { environmentInfo }: RpcClient): void {
  if (redirect !== 'follow' && environmentInfo === undefined)
    throw new UnsupportedError('the server follows all redirects')
  const hasSecret = headers.some(({ valueEnvVar }) => valueEnvVar !== undefined)
  if (hasSecret && environmentInfo?.capabilities?.['httpHeaderEnvVars'] !== true) {
    throw new UnsupportedError('the server cannot take a header from its environment')
  }
}

function requestParams(
  { method, url, headers, body, redirect, timeoutMs }: FetchRequest,
  { id, window }: ReceivedStream,
): Params {
  const rest = {
    method,
    url,
    headers,
    requestId: id,
    streamResponse: true,
    ...(window === undefined ? {} : { bodyWindow: window }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(redirect === 'follow' ? {} : { redirectPolicy: 'stop' }),
  }
  return body === undefined ? rest : new ParamsWithBytes(rest, 'bodyBase64', body)
}

function responseOf(request: FetchRequest, result: HttpResult, body: ReceivedStream): Response {
  const { status } = result ?? {}
  if (typeof status !== 'number' || !Number.isInteger(status))
    throw new ProtocolError('http/request was answered without a status')
  const headers = headersOf(result?.headers)
  if (request.redirect === 'error' && REDIRECT_STATUSES.has(status) && headers.has('location')) {
    throw new TypeError('fetch failed', { cause: new Error('unexpected redirect') })
  }
  const isNull = request.method === 'HEAD' || NULL_BODY_STATUSES.has(status)
  if (isNull) body.drop()
  // `Response` rejects other statuses, but servers may send them.
  const isConstructible = status >= 200 && status <= 599
  const response = new Response(isNull ? null : decodeBody(body.stream(), request, headers), {
    status: isConstructible ? status : 200,
    headers,
  })
  if (!isConstructible) Object.defineProperties(response, { status: { value: status }, ok: { value: false } })
  if (request.redirect !== 'follow') Object.defineProperty(response, 'url', { value: request.url.replace(/#.*$/, '') })
  return response
}

function headersOf(list: unknown): Headers {
  const headers = new Headers()
  for (const { name, value } of Array.isArray(list) ? (list as HttpHeader[]) : []) headers.append(name, value)
  return headers
}

type ByteStream = ReadableStream<Uint8Array<ArrayBuffer>>

function decodeBody(stream: ByteStream, request: FetchRequest, headers: Headers): ByteStream {
  const coding = CODINGS[headers.get('content-encoding')?.trim().toLowerCase() ?? '']
  if (coding === undefined || hasHeader(request.headers, 'accept-encoding') || headers.get('content-length') === '0')
    return stream
  return stream.pipeThrough(new DecompressionStream(coding))
}
