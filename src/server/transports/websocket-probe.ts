/**
 * Checks whether a WebSocket peer is still alive when another connection wants to resume its session. After a silent
 * network drop the old connection looks alive until keep-alive pings time out, which takes longer than clients retry.
 */
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import type { WebSocket } from 'ws'
import type { Socket } from 'node:net'
import { pendingWriteBytes } from '../../host/node-internals.ts'

/**
 * Returns a function that pings the peer and calls `dead` if nothing is received, and no queued output accepted,
 * within `ms` milliseconds. Calls during a probe have no effect.
 */
export function prober(websocket: WebSocket, socket: Socket, ms: number, dead: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  websocket.once('close', () => clearTimeout(timer))
  return () => {
    // While input is paused, pongs are not read either.
    if (timer !== undefined || websocket.readyState !== websocket.OPEN || websocket.isPaused) return
    const before = socket.bytesRead
    const queuedBefore = pendingWriteBytes(socket)
    websocket.ping()
    timer = setTimeout(() => {
      // Let the event loop first read what arrived while it was busy.
      setImmediate(() => {
        timer = undefined
        const isAlive = socket.bytesRead > before || pendingWriteBytes(socket) < queuedBefore || websocket.isPaused
        if (!isAlive && websocket.readyState === websocket.OPEN) dead()
      })
    }, ms)
    timer.unref()
  }
}
