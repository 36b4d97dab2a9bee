/**
 * Sockets before they are clients: how many there may be, and how long each may take to its upgrade, or from one
 * whole HTTP request to the next. Whoever opens sockets and says nothing, or a byte a second, costs a moment.
 */
import type { Socket } from 'node:net'
import { clearTimeout, setTimeout } from 'node:timers'
import type { Limits } from '../../core/base/limits.ts'

export type SocketLimits = {
  /** Whether this one may come in. If not, it has been told so and is closed. */
  admit(socket: Socket): boolean
  /** It has sent the head of a request. */
  heard(socket: Socket): void
  /** It has become a client: its time is its own. */
  upgraded(socket: Socket): void
}

export function limitSockets({ connections, refusedConnections, refusalMs, handshakeMs }: Limits): SocketLimits {
  const open = new Map<Socket, NodeJS.Timeout>()
  const refused = new Set<Socket>()

  const refuse = (socket: Socket): void => {
    socket.on('error', () => socket.destroy())
    if (refused.size >= refusedConnections) return void socket.destroy()
    refused.add(socket)
    // What it says is read, since a socket that is closed with something unread takes our words back.
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
