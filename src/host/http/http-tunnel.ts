/** TLS connections through a proxy's CONNECT tunnel: the proxy sees only encrypted bytes. */
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import https from 'node:https'
import type { AgentOptions } from 'node:https'
import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { trust, VERIFIED } from './http-certificates.ts'

/** `givenUp` aborts the CONNECT with the request that needs it. */
export type TunnelOptions = RequestOptions & { servername?: string; givenUp?: AbortSignal }

type Created = (error: Error | null, socket?: Duplex) => void

/**
 * Returns an agent whose connections go through a proxy. `ask` starts a CONNECT request for a target, HOST:PORT. A
 * connection fails unless the proxy answers 200.
 */
export function tunnelAgent(options: AgentOptions, ask: (target: string) => ClientRequest): https.Agent {
  const agent = new https.Agent(options)
  agent.createConnection = (to: TunnelOptions, callback) => {
    const { givenUp } = to
    const created = callback as Created | undefined
    const request = ask(`${isIP(to.host ?? '') === 6 ? `[${to.host}]` : to.host}:${to.port}`)
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
        secureContext: trust(),
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
