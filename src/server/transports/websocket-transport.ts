/** Adapts a WebSocket to the core's Transport interface. */
import { clearInterval, setInterval } from 'node:timers'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Totals } from '../../core/base/observer.ts'
import type { Transport } from '../../core/base/transport.ts'
import { acceptedBytes } from '../../host/node-internals.ts'
import { peerName } from '../http/peer-name.ts'
import type { ServerLimits } from '../limits.ts'
import { discard, payloadLength } from './message-encoding.ts'
import { Outgoing } from './outgoing.ts'

/** Parts of a {@link websocketTransport}. */
export type WebSocketTransportOptions = {
  /** The accepted socket, which tells what the peer has taken; without TLS the same. */
  carrier: Socket
  limits: ServerLimits
  /** The bytes of each message sent are added to it. */
  totals: Totals
  /** Called when some of what was queued has been accepted. */
  onDrained: () => void
}

/** Returns a Transport that writes frames straight to `socket`, past `ws`. */
export function websocketTransport(
  websocket: WebSocket,
  socket: Socket,
  { carrier, limits, totals, onDrained }: WebSocketTransportOptions,
): Transport {
  const peer = peerName(socket)
  const outgoing = new Outgoing(socket, onDrained)
  // Control frames of `ws` may be large enough together to fill the queue.
  socket.on('drain', onDrained)
  // Also called by `ws`, for the answer to the peer's close frame. No data may follow a close frame.
  const close = websocket.close
  websocket.close = function (code, reason) {
    outgoing.cutOff()
    close.call(this, code, reason)
  }
  websocket.on('close', () => outgoing.stop())
  return {
    source: `websocket JSON-RPC message from exec-server websocket ${peer}`,
    peer,
    send: (message) => {
      if (websocket.readyState !== websocket.OPEN) return discard(message)
      totals.sent += payloadLength(message)
      outgoing.send(message)
    },
    queued: () => outgoing.queued + socket.writableLength,
    pauseInput: () => websocket.pause(),
    resumeInput: () => websocket.resume(),
    close: (code, reason) => {
      const progress = (): number => acceptedBytes(carrier) - outgoing.queued
      const stopWatching = dropStalled(websocket, progress, limits.closeTimeoutMs)
      outgoing.end(() => {
        stopWatching()
        websocket.close(code, reason)
      })
    },
  }
}

/** Terminates a connection that makes no progress for `ms` milliseconds. Returns a function that stops watching. */
function dropStalled(websocket: WebSocket, progress: () => number, ms: number): () => void {
  let before = progress()
  const timer = setInterval(() => {
    const now = progress()
    if (now === before) websocket.terminate()
    before = now
  }, ms)
  const stop = (): void => clearInterval(timer)
  websocket.once('close', stop)
  return stop
}
