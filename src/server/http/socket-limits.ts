/**
 * Limits sockets. Those that have not come through `initialize` are counted apart, and give way to newer ones: peers
 * that open sockets and send nothing, or a byte per second, do not shut out others.
 */
import type { Socket } from 'node:net'
import { clearTimeout, setTimeout } from 'node:timers'
import type { ServerLimits } from '../limits.ts'
import type { OnRefused } from '../telemetry/refusals.ts'
import { peerName } from './peer-name.ts'
import { plainOpener } from './socket-opener.ts'
import type { SocketOpener } from './socket-opener.ts'

/** How far a socket has come that has not initialized. */
const STAGES = ['silent', 'requested', 'upgraded'] as const
type Stage = (typeof STAGES)[number]

/** Call `admit` for each new socket, then `heard` for each HTTP request, `upgraded` and `initialized`. */
export type SocketLimits = {
  /** Whether the socket is below the limit. If not, what `opener` makes of it is answered with 503, and it is closed. */
  admit(socket: Socket, opener?: SocketOpener): boolean
  /** The socket has sent a request head: restarts its timeout. */
  heard(socket: Socket): void
  /** The socket is a WebSocket now, or carries a request that may take long: cancels its timeout. */
  upgraded(socket: Socket): void
  /** The socket belongs to a client now, and gives way no more. False: there are as many clients as allowed already. */
  initialized(socket: Socket): boolean
}

/**
 * Allows `connections` sockets that have initialized, and `pendingSockets` others; of these it destroys one that takes
 * longer than `handshakeMs` to its upgrade, and the oldest of the most frequent stage where there are too many.
 */
export function limitSockets(
  { connections, pendingSockets, refusedConnections, refusalMs, handshakeMs }: ServerLimits,
  onRefused: OnRefused = () => {},
): SocketLimits {
  /** In the order of their coming. */
  const pending: Record<Stage, Set<Socket>> = { silent: new Set(), requested: new Set(), upgraded: new Set() }
  const timers = new WeakMap<Socket, NodeJS.Timeout>()
  const clients = new Set<Socket>()
  const refused = new Set<Socket>()

  const move = (socket: Socket, to: Stage): void => {
    if (!leave(socket)) return
    pending[to].add(socket)
  }

  /** Whether it was pending. */
  const leave = (socket: Socket): boolean => STAGES.some((stage) => pending[stage].delete(socket))

  const makeRoom = (): void => {
    const sizes = STAGES.map((stage) => pending[stage].size)
    if (sizes.reduce((sum, size) => sum + size) < pendingSockets) return
    const [oldest] = pending[STAGES[sizes.indexOf(Math.max(...sizes))] as Stage]
    if (oldest === undefined) return
    leave(oldest)
    oldest.destroy()
  }

  const refuse = (socket: Socket, opener: SocketOpener): void => {
    onRefused({ status: 503, reason: 'connections', peer: peerName(socket), why: refusalText(connections) })
    socket.on('error', () => socket.destroy())
    if (refused.size >= refusedConnections) return void socket.destroy()
    refused.add(socket)
    opener.open(socket, (stream) => {
      stream.on('error', () => stream.destroy())
      // Read and discard its input: closing a socket with unread data sends RST, and the peer may lose our response.
      stream.resume()
      stream.end(refusal(connections))
      stream.once('end', () => stream.destroySoon())
    })
    const timer = setTimeout(() => socket.destroy(), refusalMs)
    timer.unref()
    socket.once('close', () => {
      clearTimeout(timer)
      refused.delete(socket)
    })
  }

  return {
    admit: (socket, opener = plainOpener) => {
      if (clients.size >= connections) {
        refuse(socket, opener)
        return false
      }
      makeRoom()
      const timer = setTimeout(() => socket.destroy(), handshakeMs)
      timer.unref()
      timers.set(socket, timer)
      pending.silent.add(socket)
      socket.once('close', () => {
        clearTimeout(timer)
        leave(socket)
        clients.delete(socket)
      })
      return true
    },
    heard: (socket) => {
      timers.get(socket)?.refresh()
      if (pending.silent.has(socket)) move(socket, 'requested')
    },
    upgraded: (socket) => {
      clearTimeout(timers.get(socket))
      timers.delete(socket)
      move(socket, 'upgraded')
    },
    initialized: (socket) => {
      if (clients.size >= connections) return false
      if (leave(socket)) clients.add(socket)
      return true
    },
  }
}

const refusalText = (connections: number): string => `too many connections: ${connections}`

function refusal(connections: number): string {
  const text = `${refusalText(connections)}\n`
  const head = [
    'HTTP/1.1 503 Service Unavailable',
    'Content-Type: text/plain; charset=UTF-8',
    `Content-Length: ${text.length}`,
    'Connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${text}`
}
