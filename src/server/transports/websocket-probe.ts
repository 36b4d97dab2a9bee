/**
 * Checks whether a WebSocket peer is still alive when another connection wants to resume its session. After a silent
 * network drop the old connection looks alive until keep-alive pings time out, which takes longer than clients retry.
 */
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import type { WebSocket } from 'ws'
import type { Socket } from 'node:net'
import { acceptedBytes, pendingWriteBytes } from '../../host/node-internals.ts'

/**
 * Returns a function that pings the peer and calls `dead` if nothing is received, and no queued output accepted,
 * within `ms` milliseconds. Calls during a probe have no effect.
 */
export function prober(websocket: WebSocket, socket: Socket, ms: number, dead: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  websocket.once('close', () => clearTimeout(timer))
  return () => {
    if (timer !== undefined || websocket.readyState !== websocket.OPEN || isHeldByUs(websocket, socket)) return
    const before = socket.bytesRead
    const tookQueued = watchQueue(socket)
    websocket.ping()
    timer = setTimeout(() => {
      // Let the event loop first read what arrived while it was busy.
      setImmediate(() => {
        timer = undefined
        const isAlive = socket.bytesRead > before || tookQueued() || isHeldByUs(websocket, socket)
        if (!isAlive && websocket.readyState === websocket.OPEN) dead()
      })
    }, ms)
    timer.unref()
  }
}

/** Returns a function that says whether the peer has taken some of what was queued, since the last call. */
export function watchQueue(socket: Socket): () => boolean {
  let before = { accepted: acceptedBytes(socket), pending: pendingWriteBytes(socket) }
  return () => {
    const now = { accepted: acceptedBytes(socket), pending: pendingWriteBytes(socket) }
    // What is written to an empty queue is accepted without the peer.
    const took = before.pending > 0 && now.accepted > before.accepted
    before = now
    return took
  }
}

/**
 * Whether the peer is silent because this side does not read its pongs, with nothing queued that it could accept instead:
 * it then has too many requests running, which end by themselves.
 */
export const isHeldByUs = (websocket: WebSocket, socket: Socket): boolean =>
  websocket.isPaused && pendingWriteBytes(socket) === 0
