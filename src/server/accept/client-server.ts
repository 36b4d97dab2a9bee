/**
 * Where the clients of `accept` connect: the checks of a server's own listener, and behind them the devbox. What is let in
 * here is let in there.
 */
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { startConnectionChecks } from '../../host/node-internals.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { PeerCheck } from '../auth/peer-check.ts'
import { createApp } from '../http/app.ts'
import type { HostCheck } from '../http/host-check.ts'
import type { Listener } from '../http/listener.ts'
import { peerName } from '../http/peer-name.ts'
import { limitSockets } from '../http/socket-limits.ts'
import type { ServerLimits } from '../limits.ts'
import type { Log } from '../telemetry/log.ts'
import type { OnRefused } from '../telemetry/refusals.ts'
import { refusalOf, refuseRequest, refuseUpgrade } from '../http/refuse.ts'
import { normalizeRequestForHono } from '../transports/websocket-upgrade.ts'
import type { LinkPool } from './link-pool.ts'
import { splice } from './splice.ts'

/** Who may connect, and where they are passed on to. */
export type ClientServerOptions = {
  pool: LinkPool
  authenticator: Authenticator
  checkPeer: PeerCheck
  checkHost: HostCheck
  limits: ServerLimits
  metrics: () => string
  log: Log
  onRefused: OnRefused
}

/** No web page may connect. */
const ORIGINS: ReadonlySet<string> = new Set()

/** Passes the clients of the listener on to the devbox. `/readyz` answers 503 while there is none. */
export function serveClients(listener: Listener, options: ClientServerOptions): void {
  const { pool, authenticator, checkPeer, checkHost, limits, metrics, log, onRefused } = options
  const sockets = limitSockets(limits, onRefused)
  const admitted = new WeakSet<IncomingMessage>()
  const app = createApp({
    upgrade: async (context) => {
      admitted.add((context.env as { incoming: IncomingMessage }).incoming)
      return context.body(null, 200)
    },
    authenticator,
    checkPeer,
    metrics,
    isReady: () => pool.counts().waiting > 0,
    onRefused,
  })
  const listen = getRequestListener(app.fetch)
  const http = createServer((request, response) => {
    const refusal = refusalOf(request, { checkHost, origins: ORIGINS, onRefused })
    if (refusal !== undefined) return refuseRequest(response, refusal)
    normalizeRequestForHono(request)
    void listen(request, response)
  })

  /** Resolves with the refusal of the request; undefined if it is let in. */
  async function check(request: IncomingMessage): Promise<{ response: Response } | undefined> {
    normalizeRequestForHono(request)
    const response = await app.request(
      `http://localhost${request.url}`,
      { method: request.method ?? '', headers: headersOf(request) },
      { incoming: request },
    )
    return admitted.has(request) ? undefined : { response }
  }

  async function connectClient(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const refused = await check(request)
    if (refused !== undefined) {
      const { status, headers } = refused.response
      return refuseUpgrade(socket, request, { status, message: await refused.response.text() }, headers.get('allow'))
    }
    const gone = new AbortController()
    const onClose = (): void => gone.abort()
    socket.once('close', onClose)
    try {
      if (socket.destroyed) gone.abort()
      sockets.upgraded(request.socket)
      if (!sockets.initialized(request.socket)) throw new Error('too many clients')
      const link = await pool.take(gone.signal)
      log.write('info', 'clientConnected', { peer: peerName(request.socket) })
      splice(request, socket, head, link)
    } catch (error) {
      log.write('info', 'clientRefused', { peer: peerName(request.socket), why: (error as Error).message })
      refuseUpgrade(socket, request, { status: 503, message: (error as Error).message })
    } finally {
      socket.off('close', onClose)
    }
  }

  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const refusal = refusalOf(request, { checkHost, origins: ORIGINS, onRefused })
    if (refusal !== undefined) return refuseUpgrade(socket, request, refusal)
    connectClient(request, socket, head).catch(() => socket.destroy())
  })
  startConnectionChecks(http)
  http.keepAliveTimeout = Math.min(http.keepAliveTimeout, limits.handshakeMs)
  http.on('request', ({ socket }) => sockets.heard(socket))
  listener.accept((socket) => {
    if (!sockets.admit(socket)) return
    http.emit('connection', socket)
    socket.resume()
  }, onRefused)
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    headers.append(rawHeaders[at] as string, rawHeaders[at + 1] as string)
  return headers
}
