/**
 * Finds out whether a WebSocket's peer is still there, for somebody who waits for its session. A network that drops a connection
 * without a word leaves one that looks alive until pings go unanswered, which takes longer than clients try to come back.
 */
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import type { WebSocket } from 'ws'
import type { Socket } from 'node:net'
import { untaken } from './pending-write-bytes.ts'

/**
 * Returns what asks the peer for a sign of life, and calls `dead` where none comes within `ms`. Whoever is asked already is not
 * asked again.
 */
export function prober(websocket: WebSocket, socket: Socket, ms: number, dead: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  websocket.once('close', () => clearTimeout(timer))
  return () => {
    // Nothing is read while input is paused, answers to pings included.
    if (timer !== undefined || websocket.readyState !== websocket.OPEN || websocket.isPaused) return
    const before = socket.bytesRead
    const queuedBefore = untaken(socket)
    websocket.ping()
    timer = setTimeout(() => {
      // What has come while this server was busy is read before this is judged.
      setImmediate(() => {
        timer = undefined
        const isAlive = socket.bytesRead > before || untaken(socket) < queuedBefore || websocket.isPaused
        if (!isAlive && websocket.readyState === websocket.OPEN) dead()
      })
    }, ms)
    timer.unref()
  }
}
