/** The WebSocket door: connects every socket that comes through the upgrade to the core. */
import type { Socket } from 'node:net'
import { clearInterval, setInterval } from 'node:timers'
import type { WebSocket } from 'ws'
import type { Connection } from '../core/connection.ts'
import { release } from '../core/bytes.ts'
import type { ExecServer } from '../core/server.ts'
import { CloseCode } from '../core/transport.ts'
import { countTraffic } from '../host/garbage.ts'
import { createApp } from './app.ts'
import type { Listener } from './listener.ts'
import { watchFaults } from './websocket-faults.ts'
import { websocketTransport } from './websocket-transport.ts'
import { createUpgradeServer } from './websocket-upgrade.ts'

/** A peer that has left this many pings unanswered is gone. */
const MISSED_PINGS = 2

export type Door = {
  /** How many connections there still are. */
  connections(): number
  closeIdle(): void
}

/** Serves everyone who comes to the listener. */
export function openWebSocketDoor(server: ExecServer, listener: Listener): Door {
  let connections = 0
  const http = createUpgradeServer(server.limits, createApp, (websocket, socket) => {
    connections++
    websocket.on('close', () => connections--)
    serveWebSocket(server, websocket, socket)
  })
  // It does not listen itself, so it must be told to look after slow and idle connections.
  http.emit('listening')
  listener.accept((socket) => {
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
  const { limits } = server
  const connection = server.connect(websocketTransport(websocket, socket, limits))
  watchFaults(websocket, limits.frameBytes, ({ status, message }) => {
    if (status === CloseCode.TooBig) connection.refuse(`${message}; a message may have ${limits.messageBytes} bytes`)
    connection.close(status === CloseCode.TooBig ? CloseCode.TooBig : CloseCode.ProtocolError, message)
  })
  websocket.on('message', (data: Buffer) => {
    countTraffic(data.length)
    connection.receive(data)
    release(data)
  })
  socket.on('drain', () => connection.drained())
  keepAlive(websocket, limits.pingIntervalMs, connection)
  websocket.on('close', () => connection.gone())
  websocket.on('error', () => {})
}

/** Pings, and cuts a peer off that has stopped to answer: it would hold its session for as long as TCP hopes. */
function keepAlive(websocket: WebSocket, intervalMs: number, connection: Connection): void {
  let missed = 0
  const timer = setInterval(() => {
    // Nothing is read while input is paused, answers to pings included.
    if (websocket.isPaused) return
    if (missed >= MISSED_PINGS) {
      connection.gone()
      return websocket.terminate()
    }
    missed++
    websocket.ping()
  }, intervalMs)
  timer.unref()
  websocket.on('pong', () => (missed = 0))
  websocket.on('close', () => clearInterval(timer))
}
