/** HTTP requests over the runtime's own client. The policy is checked for each one. */
import { lookup as resolve } from 'node:dns'
import type { LookupAddress, LookupOptions } from 'node:dns'
import http from 'node:http'
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import https from 'node:https'
import type { AgentOptions } from 'node:https'
import { isIP } from 'node:net'
import process from 'node:process'
import type { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import { aborted } from '../../core/base/aborted.ts'
import type { HttpRequest, HttpResponse } from '../../core/base/host.ts'
import { invalidRequest } from '../../protocol/wire/errors.ts'
import type { RpcError } from '../../protocol/wire/errors.ts'
import { bareHost } from './addresses.ts'
import { acceptCodings } from './content-coding.ts'
import { trust, VERIFIED } from './http-certificates.ts'
import type { HttpPolicy } from './http-policy.ts'
import { proxyFor } from './http-proxy.ts'
import { httpResponse } from './http-response.ts'
import { addressOf, proxyAgent, proxyAuthorization, startRequest } from './http-tunnel.ts'
import type { TunnelOptions } from './http-tunnel.ts'
import { isDeno } from '../../base/runtime.ts'
import { HTTP_IDLE_MS, HTTP_IDLE_SOCKETS } from '../limits.ts'

/** Idempotent methods, which are retried when a kept connection turns out to be dead. */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

/** Methods that send `content-length: 0` for an empty body: some servers require it. */
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH'])

const resolveAll = promisify(resolve) as (host: string, options: { all: true }) => Promise<LookupAddress[]>

const AGENT_OPTIONS = {
  keepAlive: true,
  timeout: HTTP_IDLE_MS,
  maxFreeSockets: HTTP_IDLE_SOCKETS,
  scheduling: 'lifo',
} as const

/**
 * Returns the function that sends a request and resolves once the response headers have arrived. `signal` cancels it.
 * It rejects with RpcError (invalid request) for a destination that the policy denies, with `signal.reason`, or with
 * the failure.
 */
export function httpClient(policy: HttpPolicy): (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse> {
  const direct = new http.Agent(AGENT_OPTIONS)
  let secure: https.Agent | undefined
  /** Agents for tunnels to TLS servers, by proxy URL. */
  const tunnels = new Map<string, https.Agent>()

  /** Resolves a name to the addresses that the policy allows. A `lookup` function of `net.connect`. */
  function lookup(
    host: string,
    options: LookupOptions,
    done: (error: Error | null, found: string | LookupAddress[], family?: number) => void,
  ): void {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return done(error, '')
      const allowed = addresses.filter(({ address }) => policy.allows(host, address))
      const [first] = allowed
      if (first === undefined) return done(refusal(host), '')
      if (options.all === true) done(null, allowed)
      else done(null, first.address, first.family)
    })
  }

  /**
   * Applies the policy before the request. A proxy resolves the name itself; the policy can only be applied to the
   * addresses that this machine resolves.
   */
  async function check(host: string, viaProxy: boolean): Promise<void> {
    if (isIP(host) !== 0) {
      if (!policy.allows(host, host)) throw refusal(host)
      return
    }
    if (!viaProxy) return
    const addresses = policy.needsAddress(host)
      ? await resolveAll(host, { all: true }).catch(() => [])
      : [{ address: '0.0.0.0' }]
    if (addresses.length === 0 || !addresses.every(({ address }) => policy.allows(host, address))) throw refusal(host)
  }

  function route(url: URL, proxy: URL | undefined): RequestOptions {
    const path = `${url.pathname}${url.search}`
    if (proxy === undefined) return { ...to(url), path, lookup }
    if (url.protocol === 'https:') return { ...to(url), path, agent: tunnel(proxy) }
    return { ...to(proxy), path: `${url.origin}${path}`, headers: proxyAuthorization(proxy) }
  }

  /** Connection options for a server, with the agent that keeps its connections. */
  function to(url: URL): RequestOptions & { servername: string } {
    const agent =
      url.protocol === 'https:'
        ? (secure ??= new https.Agent({ ...AGENT_OPTIONS, ...VERIFIED, secureContext: trust() }))
        : direct
    return { ...addressOf(url), agent }
  }

  function tunnel(proxy: URL): https.Agent {
    let agent = tunnels.get(proxy.href)
    if (agent === undefined) {
      agent = proxyAgent(proxy, AGENT_OPTIONS)
      tunnels.set(proxy.href, agent)
    }
    return agent
  }

  return async (request, signal) => {
    const { url } = request
    if (request.method.toUpperCase() === 'CONNECT') throw new Error('tunnels cannot be asked for')
    // The runtime would take 0 for the default port.
    if (url.port === '0') throw new Error('nothing can be reached at port 0')
    const proxy = proxyFor(url, process.env)
    await Promise.race([check(bareHost(url), proxy !== undefined), aborted(signal)])
    signal.throwIfAborted()
    const options: TunnelOptions = { ...route(url, proxy), givenUp: signal }
    // Deno by itself resends any request that got no response on a kept connection.
    if (isDeno && !REPEATABLE.has(request.method)) options.agent = unshared(options.agent as http.Agent)
    for (;;) {
      const attempt = await exchange(request, options, signal)
      if (attempt !== 'stale') return attempt
    }
  }
}

/** Copies an agent, without keep-alive. */
function unshared(agent: http.Agent): http.Agent {
  const Kind = agent instanceof https.Agent ? https.Agent : http.Agent
  const own = new Kind({ ...(agent as http.Agent & { options: AgentOptions }).options, keepAlive: false })
  own.createConnection = agent.createConnection.bind(own)
  return own
}

const refusal = (host: string): RpcError =>
  invalidRequest(`http/request to ${host} is not allowed by this server's --http-policy`)

/** Makes one attempt. `stale`: a kept connection was dead; retry. */
function exchange(request: HttpRequest, options: RequestOptions, signal: AbortSignal): Promise<HttpResponse | 'stale'> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse | 'stale'>()
  const sent = startRequest({ ...options, method: request.method })
  // The bytes are limited. By their number the runtime drops headers without a word.
  sent.maxHeadersCount = 0
  // The runtime has converted it to upper case.
  sent.method = request.method
  const codings = acceptCodings()
  setHeaders(sent, request, codings.announced)
  const abort = (): void => {
    sent.destroy(signal.reason)
    // Without a connection, `destroy` emits no error.
    reject(signal.reason)
  }
  signal.addEventListener('abort', abort)
  sent.once('close', () => {
    signal.removeEventListener('abort', abort)
    if (received === undefined) codings.release()
  })
  let failure: Error | undefined
  let received: IncomingMessage | undefined
  sent.once('response', (response) => {
    received = response
    resolve(httpResponse(response, sent, codings, () => (signal.aborted ? signal.reason : failure)))
  })
  sent.once('upgrade', (_, socket: Duplex) => {
    socket.destroy()
    reject(new Error('the server changed the protocol'))
  })
  sent.on('error', (error: NodeJS.ErrnoException) => {
    const isStale = sent.reusedSocket && !signal.aborted && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
    // An error after the complete response does not matter.
    if (received?.complete !== true) failure = error
    if (isStale && REPEATABLE.has(request.method)) resolve('stale')
    else reject(signal.aborted ? signal.reason : error)
  })
  sent.end(request.body)
  return promise
}

/** Sets the request's headers, in its order, and few others: no `connection`, no `user-agent`. */
function setHeaders(sent: ClientRequest, { method, url, headers, body }: HttpRequest, codings: string): void {
  const lines = new Map<string, string[]>()
  for (const { name, value } of headers) {
    // The runtime writes header values as latin1, one byte per character.
    const bytes = Buffer.from(value).toString('latin1')
    const same = lines.get(name)
    if (same === undefined) lines.set(name, [bytes])
    else same.push(bytes)
  }
  if (!lines.has('accept')) lines.set('accept', ['*/*'])
  if (!lines.has('accept-encoding')) lines.set('accept-encoding', [codings])
  // The runtime has already set it, as the first header.
  sent.removeHeader('host')
  if (!lines.has('host')) lines.set('host', [url.host])
  for (const [name, values] of lines) sent.setHeader(name, values.length === 1 ? (values[0] as string) : values)
  if (!lines.has('connection')) sent.removeHeader('connection')
  sent.removeHeader('transfer-encoding')
  if (body !== undefined && body.length > 0) sent.setHeader('content-length', body.length)
  else if (WITH_BODY.has(method)) sent.setHeader('content-length', 0)
  else sent.removeHeader('content-length')
}
