/**
 * Limits sockets before their upgrade: how many may be open, and how long each may take until its upgrade or its
 * next complete HTTP request. Bounds the cost of peers that open sockets and send nothing, or a byte per second.
 */
import type { Socket } from 'node:net'
import { clearTimeout, setTimeout } from 'node:timers'
import type { ServerLimits } from '../limits.ts'

/** Call `admit` for each new socket, then `heard` for each HTTP request and `upgraded` at its upgrade. */
export type SocketLimits = {
  /** Whether the socket is below the limit. If not, it is answered with 503 and closed. */
  admit(socket: Socket): boolean
  /** The socket has sent a request head: restarts its timeout. */
  heard(socket: Socket): void
  /** The socket is a WebSocket now: cancels its timeout. */
  upgraded(socket: Socket): void
}

/** Allows `connections` sockets at a time, and destroys one that takes longer than `handshakeMs`. */
export function limitSockets({ connections, refusedConnections, refusalMs, handshakeMs }: ServerLimits): SocketLimits {
  const open = new Map<Socket, NodeJS.Timeout>()
  const refused = new Set<Socket>()

  const refuse = (socket: Socket): void => {
    socket.on('error', () => socket.destroy())
    if (refused.size >= refusedConnections) return void socket.destroy()
    refused.add(socket)
    // Read and discard its input: closing a socket with unread data sends RST, and the peer may lose our response.
    socket.resume()
    socket.end(refusal(connections))
    const timer = setTimeout(() => socket.destroy(), refusalMs)
    timer.unref()
    socket.once('end', () => socket.destroySoon())
    socket.once('close', () => {
      clearTimeout(timer)
      refused.delete(socket)
    })
  }

  return {
    admit: (socket) => {
      if (open.size >= connections) {
        refuse(socket)
        return false
      }
      const timer = setTimeout(() => socket.destroy(), handshakeMs)
      timer.unref()
      open.set(socket, timer)
      socket.once('close', () => {
        clearTimeout(timer)
        open.delete(socket)
      })
      return true
    },
    heard: (socket) => void open.get(socket)?.refresh(),
    upgraded: (socket) => clearTimeout(open.get(socket)),
  }
}

function refusal(connections: number): string {
  const text = `too many connections: ${connections}\n`
  const head = [
    'HTTP/1.1 503 Service Unavailable',
    'Content-Type: text/plain; charset=UTF-8',
    `Content-Length: ${text.length}`,
    'Connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${text}`
}
