/** The WebSocket door: connects every socket that comes through the upgrade to the core. */
import type { Socket } from 'node:net'
import { clearInterval, setInterval } from 'node:timers'
import type { WebSocket } from 'ws'
import type { Connection } from '../../core/rpc/connection.ts'
import { release } from '../../core/base/bytes.ts'
import type { ExecServer } from '../../core/rpc/server.ts'
import { CloseCode } from '../../core/base/transport.ts'
import { noteBytes } from '../../host/ffi/memory-pressure.ts'
import { createApp } from '../http/app.ts'
import type { Gate } from '../auth/authenticator.ts'
import type { HostCheck } from '../http/host-check.ts'
import type { Listener } from '../http/listener.ts'
import { limitSockets } from '../http/socket-limits.ts'
import { untaken } from './pending-write-bytes.ts'
import { watchFaults } from './websocket-faults.ts'
import { prober } from './websocket-probe.ts'
import { websocketTransport } from './websocket-transport.ts'
import { createUpgradeServer } from './websocket-upgrade.ts'

/** A peer that has left this many pings unanswered is gone. */
const MISSED_PINGS = 2

/** What `ws` gives for a code where no close frame has come. */
const LOST = 1006

export type Door = {
  /** How many connections there still are. */
  connections(): number
  closeIdle(): void
}

export type DoorOptions = {
  gate: Gate
  checkHost: HostCheck
  /** Of pages that may open a WebSocket. Absent: none may. */
  origins?: readonly string[]
  metrics: () => string
}

/** Serves everyone who comes to the listener and may come in. */
export function openWebSocketDoor(
  server: ExecServer,
  listener: Listener,
  { gate, checkHost, origins = [], metrics }: DoorOptions,
): Door {
  let connections = 0
  const sockets = limitSockets(server.limits)
  const http = createUpgradeServer({
    limits: server.limits,
    checkHost,
    origins: new Set(origins),
    makeApp: (upgrade) => createApp({ upgrade, gate, metrics, isReady: () => !server.isDraining }),
    onSocket: (websocket, socket) => {
      connections++
      sockets.upgraded(socket)
      websocket.on('close', () => connections--)
      serveWebSocket(server, websocket, socket)
    },
  })
  // It does not listen itself, so it must be told to look after slow and idle connections.
  http.emit('listening')
  http.keepAliveTimeout = Math.min(http.keepAliveTimeout, server.limits.handshakeMs)
  http.on('request', ({ socket }) => sockets.heard(socket))
  listener.accept((socket) => {
    if (!sockets.admit(socket)) return
    http.emit('connection', socket)
    socket.resume()
  })
  return {
    connections: () => connections,
    closeIdle: () => {
      http.close()
      http.closeIdleConnections()
    },
  }
}

function serveWebSocket(server: ExecServer, websocket: WebSocket, socket: Socket): void {
  const { limits, observer } = server
  const { totals } = observer
  const lost = (why: string): void => {
    connection.gone(why)
    websocket.terminate()
  }
  const probe = prober(websocket, socket, limits.probeMs, () =>
    lost('it gave no sign of life when its session was asked for'),
  )
  const connection: Connection = server.connect({ ...websocketTransport(websocket, socket, limits, totals), probe })
  watchFaults(websocket, limits.frameBytes, ({ status, message }) => {
    if (status === CloseCode.TooBig) connection.refuse(`${message}; a message may have ${limits.messageBytes} bytes`)
    connection.close(status === CloseCode.TooBig ? CloseCode.TooBig : CloseCode.ProtocolError, message)
  })
  websocket.on('message', (data: Buffer) => {
    noteBytes(data.length)
    totals.received += data.length
    connection.receive(data)
    release(data)
  })
  socket.on('drain', () => connection.drained())
  keepAlive(websocket, socket, limits.pingIntervalMs, lost)
  websocket.on('close', (code) =>
    connection.gone(code === LOST ? 'the connection was lost' : `the client closed it with ${code}`),
  )
  websocket.on('error', () => {})
}

/**
 * Pings, and cuts a peer off that has stopped to answer: it would hold its session for as long as TCP hopes. A ping stands behind
 * all that is queued, so a peer that takes some of that is alive.
 */
function keepAlive(websocket: WebSocket, socket: Socket, intervalMs: number, lost: (why: string) => void): void {
  let missed = 0
  let queuedBefore = 0
  const timer = setInterval(() => {
    // Nothing is read while input is paused, answers to pings included.
    if (websocket.isPaused) return
    const queued = untaken(socket)
    if (queued < queuedBefore) missed = 0
    queuedBefore = queued
    if (missed >= MISSED_PINGS) return lost('it left pings unanswered')
    missed++
    websocket.ping()
  }, intervalMs)
  timer.unref()
  websocket.on('pong', () => (missed = 0))
  websocket.on('close', () => clearInterval(timer))
}
