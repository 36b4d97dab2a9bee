/** Where devboxes connect: HTTP with one upgrade, to a link. Nothing else is served to them. */
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { startConnectionChecks } from '../../host/node-internals.ts'
import type { Listener } from '../http/listener.ts'
import { peerName } from '../http/peer-name.ts'
import { limitSockets } from '../http/socket-limits.ts'
import type { SocketOpener } from '../http/socket-opener.ts'
import type { ServerLimits } from '../limits.ts'
import { proveAsAccept } from '../link/handshake.ts'
import type { LinkLimits } from '../link/link-limits.ts'
import { LinkStream } from '../link/link-stream.ts'
import { LINK_PROTOCOL } from '../link/proof.ts'
import type { Log } from '../telemetry/log.ts'
import type { OnRefused } from '../telemetry/refusals.ts'
import { refuseUpgrade } from '../http/refuse.ts'
import type { LinkPool } from './link-pool.ts'

/** What the devboxes' end needs. */
export type DevboxServerOptions = {
  secret: string
  /** TLS, or none. */
  opener: SocketOpener
  pool: LinkPool
  limits: LinkLimits & ServerLimits
  log: Log
  onRefused: OnRefused
}

/** The body for clients that mistake it for a server. */
const NOT_FOR_CLIENTS =
  'devboxes connect here, with exec-server --connect; clients use the URL that accept has printed\n'

/** Proves each devbox that connects to the listener, and adds its links to the pool. */
export function serveDevboxes(
  listener: Listener,
  { secret, opener, pool, limits, log, onRefused }: DevboxServerOptions,
): void {
  const sockets = limitSockets(limits, onRefused)
  const websockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.linkChunkBytes,
    handleProtocols: () => LINK_PROTOCOL,
  })
  const http = createServer((_, response) => {
    response.writeHead(426, { connection: 'close', 'content-type': 'text/plain', upgrade: 'websocket' })
    response.end(NOT_FOR_CLIENTS)
  })

  const prove = (websocket: WebSocket, stream: Socket): void => {
    const socket = opener.carrierOf(stream)
    sockets.upgraded(socket)
    websocket.on('error', () => {})
    proveAsAccept(websocket, { secret, limits, refuse: pool.refuse }, (outcome) => {
      if ('failure' in outcome)
        return void log.write('warn', 'linkRefused', { peer: peerName(socket), why: outcome.failure })
      if (!sockets.initialized(socket)) return websocket.close(1013, 'too many links')
      pool.add(new LinkStream(websocket, stream, limits), outcome.proven)
    })
  }

  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const { origin, 'sec-websocket-protocol': protocol = '' } = request.headers
    if (origin !== undefined) return refuseUpgrade(socket, request, { status: 403, message: '' })
    if (!protocol.split(',').some((each) => each.trim() === LINK_PROTOCOL))
      return refuseUpgrade(socket, request, { status: 426, message: NOT_FOR_CLIENTS })
    websockets.handleUpgrade(request, socket, head, (websocket) => prove(websocket, request.socket))
  })
  startConnectionChecks(http)
  http.keepAliveTimeout = Math.min(http.keepAliveTimeout, limits.handshakeMs)
  http.on('request', ({ socket }) => sockets.heard(opener.carrierOf(socket)))
  listener.accept((socket) => {
    if (!sockets.admit(socket, opener)) return
    opener.open(socket, (stream) => {
      http.emit('connection', stream)
      stream.resume()
    })
  }, onRefused)
}
