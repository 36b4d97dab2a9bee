/** TLS connections through a proxy's CONNECT tunnel: the proxy sees only encrypted bytes. */
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import http from 'node:http'
import https from 'node:https'
import type { AgentOptions } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { SecureContext } from 'node:tls'
import { HTTP_HEADER_BYTES } from '../limits.ts'
import { bareHost } from './addresses.ts'
import { trust, VERIFIED } from './http-certificates.ts'
import { portOf } from './http-proxy.ts'
import { rewriteResponseHead } from './response-head.ts'

/**
 * `givenUp` aborts the CONNECT with the request that needs it. `secureContext` holds the authorities for the target;
 * absent: this machine's.
 */
export type TunnelOptions = RequestOptions & {
  servername?: string
  givenUp?: AbortSignal
  secureContext?: SecureContext
}

type Created = (error: Error | null, socket?: Duplex) => void

/** Starts a request, and reads its response as leniently as other clients do. */
export function startRequest(options: RequestOptions): ClientRequest {
  const { request } = options.protocol === 'https:' ? https : http
  const sent = request({ ...options, maxHeaderSize: HTTP_HEADER_BYTES })
  // Before the request is on the socket, and so before a response is.
  sent.once('socket', rewriteResponseHead)
  return sent
}

/** The header for the user and the password in the URL of a proxy. */
export function proxyAuthorization({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  const pair = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)
  return { 'proxy-authorization': `Basic ${pair.toString('base64')}` }
}

/** Connection options for a server: from the URL, whatever a `host` header says. */
export function addressOf(url: URL): Pick<RequestOptions, 'protocol' | 'host' | 'port'> & { servername: string } {
  const host = bareHost(url)
  return { protocol: url.protocol, host, port: portOf(url), servername: isIP(host) === 0 ? host : '' }
}

function askForTunnel(proxy: URL, target: string): ClientRequest {
  const secure = proxy.protocol === 'https:' ? { ...VERIFIED, secureContext: trust() } : {}
  return startRequest({
    ...addressOf(proxy),
    ...secure,
    agent: false,
    method: 'CONNECT',
    path: target,
    headers: { host: target, ...proxyAuthorization(proxy) },
  })
}

/** Returns an agent whose connections go through a proxy. A connection fails unless the proxy answers 200. */
export function proxyAgent(proxy: URL, options: AgentOptions): https.Agent {
  const agent = new https.Agent(options)
  agent.createConnection = (to: TunnelOptions, callback) => {
    const { givenUp } = to
    const created = callback as Created | undefined
    const request = askForTunnel(proxy, `${isIP(to.host ?? '') === 6 ? `[${to.host}]` : to.host}:${to.port}`)
    let tunnel: { destroy(): unknown } = request
    const settle: Created = (error, socket) => {
      givenUp?.removeEventListener('abort', giveUp)
      if (error !== null) tunnel.destroy()
      created?.(error, socket)
    }
    const giveUp = (): void => settle(givenUp?.reason ?? new Error('given up'))
    givenUp?.addEventListener('abort', giveUp)
    request.once('connect', ({ statusCode }: IncomingMessage, socket: Duplex, first: Buffer) => {
      tunnel = socket
      if (statusCode !== 200) return settle(new Error(`the proxy answered ${statusCode}`))
      socket.unshift(first)
      // Verify the certificate against the URL's host; an IP address sends no SNI.
      const secured = connectTls({
        ...VERIFIED,
        socket,
        secureContext: to.secureContext ?? trust(),
        host: to.host as string,
        servername: to.servername ?? '',
      })
      secured.once('secureConnect', () => settle(null, secured))
      secured.once('error', settle)
      secured.once('close', () => settle(new Error('the tunnel has ended')))
    })
    request.once('response', ({ statusCode }: IncomingMessage) => settle(new Error(`the proxy answered ${statusCode}`)))
    request.once('error', settle)
    request.end()
    return undefined
  }
  return agent
}
