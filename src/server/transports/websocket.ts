/** The WebSocket transport: connects every upgraded socket to the core. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers'
import type { WebSocket } from 'ws'
import type { Connection } from '../../core/rpc/connection.ts'
import { release } from '../../core/base/bytes.ts'
import type { ExecServer } from '../../core/rpc/server.ts'
import { CloseCode } from '../../core/base/transport.ts'
import { noteBytes } from '../../host/memory-pressure.ts'
import { messageSteps, tooMuchText } from '../../protocol/wire/envelope.ts'
import { createApp } from '../http/app.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { peerCheck } from '../auth/peer-check.ts'
import type { PeerCheck } from '../auth/peer-check.ts'
import type { HostCheck } from '../http/host-check.ts'
import type { Listener } from '../http/listener.ts'
import { limitSockets } from '../http/socket-limits.ts'
import type { SocketLimits } from '../http/socket-limits.ts'
import { plainOpener } from '../http/socket-opener.ts'
import type { SocketOpener } from '../http/socket-opener.ts'
import type { ServerLimits } from '../limits.ts'
import { createPreview } from '../preview/preview.ts'
import type { PreviewSource } from '../preview/preview.ts'
import type { OnRefused } from '../telemetry/refusals.ts'
import { startConnectionChecks } from '../../host/node-internals.ts'
import { inputTurns } from './input-turns.ts'
import { watchFaults } from './websocket-faults.ts'
import type { ReadBounds } from './websocket-faults.ts'
import { isHeldByUs, prober, watchQueue } from './websocket-probe.ts'
import { websocketTransport } from './websocket-transport.ts'
import { createUpgradeServer } from './websocket-upgrade.ts'

/** A peer that has left this many pings in a row unanswered is considered gone. */
const MISSED_PINGS = 2

/** The close code that `ws` reports when no close frame was received. */
const LOST = 1006

/** Closes a WebSocket that could not be set up (RFC 6455, section 7.4.1). */
const INTERNAL_ERROR = 1011

/** A running WebSocket server. */
export type WebSocketServer = {
  /** Serves a listener's connections. */
  accept(listener: Pick<Listener, 'accept'>): void
  /** Serves the upgrade request of another HTTP server, after all checks. */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void
  /** Serves a WebSocket that another server has let in and upgraded. */
  serve(websocket: WebSocket, socket: Socket): void
  /** Number of open WebSocket connections. */
  connections(): number
  /** Resolves when no WebSocket is open; after `ms` those that are left are cut off. */
  ended(ms: number): Promise<void>
  /** Ends keep-alive, previews and idle HTTP connections. WebSockets stay open. */
  closeIdle(): void
}

/** Who may connect, within which limits, and the text of `/metrics`. */
export type WebSocketServerOptions = {
  limits: ServerLimits
  authenticator: Authenticator
  /** Default: the server's own user and root, over TCP. */
  checkPeer?: PeerCheck
  checkHost: HostCheck
  /** Origins of web pages that may open a WebSocket. Default: none. */
  origins?: readonly string[]
  /** TLS, or nothing. */
  opener?: SocketOpener
  metrics: () => string
  /** Called with an error that kept an upgraded WebSocket from being served. */
  report?: (fault: unknown) => void
  /** Called with each request or connection that is not let in. */
  onRefused?: OnRefused
  /** Answers requests to `/mcp`. */
  mcp?: ((request: Request) => Promise<Response>) | undefined
  /** Which addresses of loopback previews may be of. Absent: there are no previews. */
  preview?: PreviewSource | undefined
}

/** Serves HTTP and WebSocket connections from `listener` within `limits`. Returns immediately. */
export function serveWebSockets(
  server: ExecServer,
  listener: Pick<Listener, 'accept'>,
  options: WebSocketServerOptions,
): WebSocketServer {
  const webSockets = createWebSocketServer(server, options)
  webSockets.accept(listener)
  return webSockets
}

/** Creates a server of HTTP and WebSocket connections that are given to it. */
export function createWebSocketServer(
  server: ExecServer,
  {
    limits,
    authenticator,
    checkPeer = peerCheck({ ownUserOnly: true }),
    checkHost,
    origins = [],
    opener = plainOpener,
    metrics,
    report = () => {},
    onRefused = () => {},
    mcp,
    preview: source,
  }: WebSocketServerOptions,
): WebSocketServer {
  const open = new Set<WebSocket>()
  let onEnded: (() => void) | undefined
  const sockets = limitSockets(limits, onRefused)
  const turns = inputTurns()
  const serve = (websocket: WebSocket, stream: Socket): void => {
    const socket = opener.carrierOf(stream)
    open.add(websocket)
    sockets.upgraded(socket)
    websocket.on('close', () => {
      open.delete(websocket)
      if (open.size === 0) onEnded?.()
    })
    websocket.on('error', () => {})
    try {
      serveWebSocket(
        { server, limits, mayRead: turns(), onInitialized: () => sockets.initialized(socket) },
        websocket,
        { stream, socket },
      )
    } catch (fault) {
      // Left open it would stay silent for good.
      websocket.close(INTERNAL_ERROR, 'internal error')
      report(fault)
    }
  }
  const preview =
    source &&
    createPreview({
      ...source,
      limits,
      authenticator,
      checkPeer,
      checkHost,
      onRefused,
      onLong: (stream) => sockets.upgraded(opener.carrierOf(stream)),
    })
  const http = createUpgradeServer({
    preview,
    limits: { ...limits, messageBytes: server.limits.messageBytes },
    checkHost,
    origins: new Set(origins),
    onRefused,
    makeApp: (upgrade) =>
      createApp({
        upgrade,
        authenticator,
        checkPeer,
        metrics,
        isReady: () => !server.isDraining,
        onRefused,
        origins,
        mcp: mcp && ((request, socket) => answerLong(sockets, opener.carrierOf(socket), () => mcp(request))),
      }),
    onSocket: serve,
  })
  startConnectionChecks(http)
  http.keepAliveTimeout = Math.min(http.keepAliveTimeout, limits.handshakeMs)
  http.on('request', ({ socket }) => sockets.heard(opener.carrierOf(socket)))
  return {
    accept: (listener) =>
      listener.accept((socket) => {
        if (!sockets.admit(socket, opener)) return
        opener.open(socket, (stream) => {
          http.emit('connection', stream)
          stream.resume()
        })
      }, onRefused),
    upgrade: (request, socket, head) => {
      if (!sockets.admit(socket)) return
      sockets.heard(socket)
      http.emit('upgrade', request, socket, head)
    },
    serve: (websocket, socket) => {
      if (open.size >= limits.connections) return websocket.close(CloseCode.TryAgainLater, 'too many connections')
      if (sockets.admit(socket)) serve(websocket, socket)
    },
    connections: () => open.size,
    ended: async (ms) => {
      if (open.size === 0) return
      const { promise, resolve } = Promise.withResolvers<void>()
      onEnded = resolve
      const timer = setTimeout(() => open.forEach((websocket) => websocket.terminate()), ms)
      await promise
      clearTimeout(timer)
    },
    closeIdle: () => {
      preview?.close()
      http.close()
      http.closeIdleConnections()
    },
  }
}

/** Answers a request that may take as long as a WebSocket is open. Its socket counts as a client's. */
async function answerLong(sockets: SocketLimits, socket: Socket, answer: () => Promise<Response>): Promise<Response> {
  sockets.upgraded(socket)
  return sockets.initialized(socket) ? answer() : new Response('too many connections', { status: 503 })
}

type Serving = {
  server: ExecServer
  limits: ServerLimits
  mayRead: () => boolean
  /** Called once the client has initialized. Returns false if there are too many clients. */
  onInitialized: () => boolean
}

/** What HTTP is spoken on, and the accepted socket, which tells what the peer has taken: without TLS they are the same. */
type Ends = { stream: Socket; socket: Socket }

function serveWebSocket(
  { server, limits, mayRead, onInitialized }: Serving,
  websocket: WebSocket,
  { stream, socket }: Ends,
): void {
  const { totals } = server.observer
  const lost = (why: string): void => {
    connection.gone(why)
    websocket.terminate()
  }
  const probe = prober(websocket, socket, limits.probeMs, () =>
    lost('it gave no sign of life when its session was asked for'),
  )
  const onDrained = (): void => connection.drained()
  const transport = websocketTransport(websocket, stream, { carrier: socket, limits, totals, onDrained })
  const connection: Connection = server.connect({ ...transport, probe })
  // First of all, so that the connection is known to be gone even if something below throws.
  websocket.on('close', (code) =>
    connection.gone(code === LOST ? 'the connection was lost' : `the client closed it with ${code}`),
  )
  let isPending = true
  const accepted = (bytes: number): void => {
    totals.received += bytes
    if (!isPending || !connection.isInitialized) return
    isPending = false
    if (!onInitialized()) connection.close(CloseCode.TryAgainLater, 'too many connections')
  }
  websocket.on('message', (data: Buffer) => {
    noteBytes(data.length)
    if (!connection.receive(data)) release(data)
    accepted(data.length)
  })
  const bounds: ReadBounds = {
    frameBytes: limits.frameBytes,
    messageBytes: () => connection.messageBytes,
    mayRead,
    *handle(data, member) {
      const { length } = data
      if (!connection.accept(yield* messageSteps(data, member), length)) release(data)
      accepted(length)
    },
    refuse(beginning, length) {
      connection.accept(tooMuchText(beginning), length)
      accepted(length)
    },
  }
  watchFaults(websocket, bounds, ({ status, message }) => {
    if (status === CloseCode.TooBig) connection.refuse(`${message}; ${allowed(connection)}`)
    connection.close(status === CloseCode.TooBig ? CloseCode.TooBig : CloseCode.ProtocolError, message)
  })
  keepAlive(websocket, socket, limits.pingIntervalMs, lost)
}

const allowed = ({ messageBytes, isInitialized }: Connection): string =>
  `a message may have ${messageBytes} bytes${isInitialized ? '' : ' before initialize'}`

/**
 * Pings the peer every `intervalMs`, and drops it when it stops answering: it would otherwise hold its session until
 * TCP times out. A ping queues behind pending output, so a peer that accepts some of that output counts as alive. While
 * input is paused, pongs are not read: then that is the only sign of life.
 */
function keepAlive(websocket: WebSocket, socket: Socket, intervalMs: number, lost: (why: string) => void): void {
  let missed = 0
  const tookQueued = watchQueue(socket)
  const timer = setInterval(() => {
    if (tookQueued() || isHeldByUs(websocket, socket)) missed = 0
    if (missed >= MISSED_PINGS) return lost('it left pings unanswered')
    missed++
    // Behind what a paused peer does not take, pings would only pile up.
    if (!websocket.isPaused) websocket.ping()
  }, intervalMs)
  timer.unref()
  websocket.on('pong', () => (missed = 0))
  websocket.on('close', () => clearInterval(timer))
}
