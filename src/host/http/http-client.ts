/** HTTP exchanges, over the runtime's own client. Whom to talk to is looked at again with every one of them. */
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
import { noteBytes } from '../ffi/memory-pressure.ts'
import { trust } from './http-certificates.ts'
import type { HttpPolicy } from './http-policy.ts'
import { portOf, proxyFor } from './http-proxy.ts'
import { tunnelAgent } from './http-tunnel.ts'
import type { TunnelOptions } from './http-tunnel.ts'
import { isDeno } from '../../base/runtime.ts'

/** How long an idle connection is kept: less than servers do, so that none is used that was just closed. */
const KEEP_MS = 4000

/** Idle connections kept to one server. */
const KEPT_SOCKETS = 8

/** A response's headers. Servers send cookies of a few KiB; the runtime's 16 are too few for some. */
const HEADER_BYTES = 128 * 1024

/** Methods that may be sent again when a kept connection turns out to be dead: doing them twice is doing them once. */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])

/** Those whose body, if it is empty, has its length told: some servers insist. */
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH'])

const resolveAll = promisify(resolve) as (host: string, options: { all: true }) => Promise<LookupAddress[]>

const AGENT_OPTIONS = { keepAlive: true, timeout: KEEP_MS, maxFreeSockets: KEPT_SOCKETS, scheduling: 'lifo' } as const

export function httpClient(policy: HttpPolicy): (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse> {
  const direct = new http.Agent(AGENT_OPTIONS)
  let secure: https.Agent | undefined
  /** By proxy: tunnels to TLS servers. */
  const tunnels = new Map<string, https.Agent>()

  /** Resolves a name and leaves out the addresses that may not be talked to. In the form that sockets call. */
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

  /** A proxy resolves the name itself; what it will find is judged by what we find. */
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

  /** A server, and the agent that keeps connections to it. */
  function to(url: URL): RequestOptions & { servername: string } {
    const host = bareHost(url)
    const agent =
      url.protocol === 'https:' ? (secure ??= new https.Agent({ ...AGENT_OPTIONS, secureContext: trust() })) : direct
    // By the URL, whatever a header `host` says.
    return { protocol: url.protocol, host, port: portOf(url), agent, servername: isIP(host) === 0 ? host : '' }
  }

  function tunnel(proxy: URL): https.Agent {
    let agent = tunnels.get(proxy.href)
    if (agent === undefined) {
      const secureContext = proxy.protocol === 'https:' ? { secureContext: trust() } : {}
      agent = tunnelAgent(AGENT_OPTIONS, (target) =>
        start({
          ...to(proxy),
          ...secureContext,
          agent: false,
          method: 'CONNECT',
          path: target,
          headers: { host: target, ...proxyAuthorization(proxy) },
        }),
      )
      tunnels.set(proxy.href, agent)
    }
    return agent
  }

  return async (request, signal) => {
    const { url } = request
    if (request.method.toUpperCase() === 'CONNECT') throw new Error('tunnels cannot be asked for')
    const proxy = proxyFor(url, process.env)
    await Promise.race([check(bareHost(url), proxy !== undefined), aborted(signal)])
    signal.throwIfAborted()
    const options: TunnelOptions = { ...route(url, proxy), givenUp: signal }
    // Deno by itself sends again what got no answer on a kept connection, whatever it is.
    if (isDeno && !REPEATABLE.has(request.method)) options.agent = unshared(options.agent as http.Agent)
    for (;;) {
      const attempt = await exchange(request, options, signal)
      if (attempt !== 'stale') return attempt
    }
  }
}

/** One like it that keeps no connections. */
function unshared(agent: http.Agent): http.Agent {
  const Kind = agent instanceof https.Agent ? https.Agent : http.Agent
  const own = new Kind({ ...(agent as http.Agent & { options: AgentOptions }).options, keepAlive: false })
  own.createConnection = agent.createConnection.bind(own)
  return own
}

const refusal = (host: string): RpcError =>
  invalidRequest(`http/request to ${host} is not allowed by this server's --http-policy`)

function proxyAuthorization({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  const pair = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)
  return { 'proxy-authorization': `Basic ${pair.toString('base64')}` }
}

function start(options: RequestOptions): ClientRequest {
  return (options.protocol === 'https:' ? https : http).request({ ...options, maxHeaderSize: HEADER_BYTES })
}

/** One attempt. `stale`: the connection had been kept from an earlier exchange, and was dead; another may work. */
function exchange(request: HttpRequest, options: RequestOptions, signal: AbortSignal): Promise<HttpResponse | 'stale'> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse | 'stale'>()
  const sent = start({ ...options, method: request.method })
  // The runtime has made capitals of it.
  sent.method = request.method
  setHeaders(sent, request)
  const abort = (): void => {
    sent.destroy(signal.reason)
    // Without a connection yet it would not say so.
    reject(signal.reason)
  }
  signal.addEventListener('abort', abort)
  sent.once('close', () => signal.removeEventListener('abort', abort))
  let failure: Error | undefined
  let received: IncomingMessage | undefined
  sent.once('response', (response) => {
    received = response
    resolve(answer(response, sent, () => (signal.aborted ? signal.reason : failure)))
  })
  sent.once('upgrade', (_, socket: Duplex) => {
    socket.destroy()
    reject(new Error('the server changed the protocol'))
  })
  sent.on('error', (error: NodeJS.ErrnoException) => {
    const isStale = sent.reusedSocket && !signal.aborted && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
    // A connection that ends once all is there has done its work.
    if (received?.complete !== true) failure = error
    if (isStale && REPEATABLE.has(request.method)) resolve('stale')
    else reject(signal.aborted ? signal.reason : error)
  })
  sent.end(request.body)
  return promise
}

/** What is asked for, in its order, and little else: no connection header, no user agent. */
function setHeaders(sent: ClientRequest, { method, url, headers, body }: HttpRequest): void {
  const lines = new Map<string, string[]>()
  for (const { name, value } of headers) {
    // A header's text is a byte a character to the runtime.
    const bytes = Buffer.from(value).toString('latin1')
    const same = lines.get(name)
    if (same === undefined) lines.set(name, [bytes])
    else same.push(bytes)
  }
  if (!lines.has('accept')) lines.set('accept', ['*/*'])
  // The runtime has put it first already.
  sent.removeHeader('host')
  if (!lines.has('host')) lines.set('host', [url.host])
  for (const [name, values] of lines) sent.setHeader(name, values.length === 1 ? (values[0] as string) : values)
  if (!lines.has('connection')) sent.removeHeader('connection')
  sent.removeHeader('transfer-encoding')
  if (body !== undefined && body.length > 0) sent.setHeader('content-length', body.length)
  else if (WITH_BODY.has(method)) sent.setHeader('content-length', 0)
  else sent.removeHeader('content-length')
}

/** `failure` tells what has gone wrong by then: to the runtime a body that has no length of its own ends well with any end of its connection. */
function answer(response: IncomingMessage, sent: ClientRequest, failure: () => Error | undefined): HttpResponse {
  const pieces = response[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  return {
    status: response.statusCode ?? 0,
    headers: readableHeaders(response.rawHeaders),
    read: async () => {
      const next = await pieces.next().catch((error: unknown) => Promise.reject(failure() ?? error))
      if (next.done !== true) {
        noteBytes(next.value.length)
        return next.value
      }
      const broken = failure()
      if (broken !== undefined) throw broken
      return undefined
    },
    cancel: () => void sent.destroy(),
  }
}

/** Pairs of name and value; values that are no plain text are left out, as clients cannot decode them. */
function readableHeaders(raw: readonly string[]): { name: string; value: string }[] {
  const headers = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name, value] = [raw[at] as string, raw[at + 1] as string]
    if (/^[\t\x20-\x7e]*$/.test(value)) headers.push({ name: name.toLowerCase(), value })
  }
  return headers
}
