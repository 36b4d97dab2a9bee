/** Opens a link: dials `exec-server accept`, and proves to each other that both know the secret. */
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { clearTimeout, setTimeout } from 'node:timers'
import type { SecureContext } from 'node:tls'
import { WebSocket } from 'ws'
import { proxyAgent } from '../../host/http/http-tunnel.ts'
import type { TunnelOptions } from '../../host/http/http-tunnel.ts'
import { errorCode, osErrorText } from '../../base/os-error-text.ts'
import { proveAsDevbox } from './handshake.ts'
import type { LinkLimits } from './link-limits.ts'
import { LinkStream } from './link-stream.ts'
import type { LinkUrl } from './link-url.ts'
import { LINK_PROTOCOL } from './proof.ts'
import type { Identity } from './proof.ts'

/**
 * Where to dial, through which proxy if any, and what to prove. `trust` returns the authorities that certificates are
 * checked with.
 */
export type DialOptions = {
  url: LinkUrl
  proxy?: URL | undefined
  secret: string
  identity: Identity
  limits: LinkLimits
  trust: () => SecureContext
}

/** Resolves with a proven link. Rejects with an error whose message says why there is none. */
export type Dial = (signal: AbortSignal) => Promise<LinkStream>

/** Nothing on the way that masks protect looks inside of TLS, or at what stays on this machine. */
const noMask = (mask: Buffer): void => void mask.fill(0)

/** Returns the function that opens links. */
export function linkDialer({ url, proxy, secret, identity, limits, trust }: DialOptions): Dial {
  const { href, socketPath, isSecure } = url
  const agent = proxy === undefined ? undefined : proxyAgent(proxy, {})
  return (signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<LinkStream>()
    // The WebSocket does not end a CONNECT that the proxy leaves unanswered.
    const tunnel = new AbortController()
    const viaProxy: TunnelOptions = agent === undefined ? {} : { agent, givenUp: tunnel.signal }
    const websocket = new WebSocket(href, [LINK_PROTOCOL], {
      perMessageDeflate: false,
      followRedirects: false,
      maxPayload: limits.linkChunkBytes,
      ...(isSecure ? { secureContext: trust(), rejectUnauthorized: true, generateMask: noMask } : {}),
      ...viaProxy,
      ...(socketPath === undefined ? {} : { createConnection: () => connect(socketPath), generateMask: noMask }),
    })
    let carrier: Socket | undefined
    const fail = (why: string): void => {
      settle()
      websocket.terminate()
      tunnel.abort()
      reject(new Error(proxy === undefined ? why : `through the proxy ${proxy.host}: ${why}`))
    }
    const onAbort = (): void => fail('the server stops')
    const onError = (error: Error): void => fail(reasonOf(error))
    const timer = setTimeout(() => fail('it takes too long to answer'), limits.linkHandshakeMs)
    const settle = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      // Whatever comes after the outcome changes nothing.
      websocket.off('error', onError).on('error', () => {})
    }
    signal.addEventListener('abort', onAbort, { once: true })
    websocket.on('error', onError)
    websocket.once('unexpected-response', (_, response) => fail(refusal(response)))
    websocket.once('upgrade', (response) => (carrier = response.socket))
    websocket.once('open', () => {
      const socket = carrier
      if (socket === undefined || websocket.protocol !== LINK_PROTOCOL) return fail('it is no exec-server accept')
      socket.setNoDelay(true)
      proveAsDevbox(websocket, { secret, limits, identity }, (outcome) => {
        if ('failure' in outcome) return fail(outcome.failure)
        settle()
        resolve(new LinkStream(websocket, socket, limits))
      })
    })
    if (signal.aborted) onAbort()
    return promise
  }
}

function refusal({ statusCode, headers }: IncomingMessage): string {
  const { server } = headers
  return `it answers with HTTP status ${statusCode}${server === undefined ? '' : `, from ${String(server)}`}`
}

/** OpenSSL's words about certificates are clear; the system's about addresses hold more than a person needs. */
function reasonOf(error: Error): string {
  const code = errorCode(error)
  if (code !== undefined && /^E[A-Z0-9]+$/.test(code) && code !== 'EPROTO') return osErrorText(code)
  if (error.message.startsWith('Server sent no subprotocol')) return 'it is no exec-server accept'
  return error.message
}
