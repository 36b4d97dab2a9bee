/** Adapts a WebSocket to the core's Transport interface. */
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { ServerLimits } from '../limits.ts'
import type { Totals } from '../../core/base/observer.ts'
import type { Transport } from '../../core/base/transport.ts'
import { noteBytes } from '../../host/memory-pressure.ts'
import { peerName } from '../http/peer-name.ts'
import { payloadLength } from './message-encoding.ts'
import { encodeMessage } from './websocket-frames.ts'

/**
 * Returns a Transport that writes frames straight to `socket`, past `ws`. Adds the bytes of each message sent
 * to `totals`.
 */
export function websocketTransport(
  websocket: WebSocket,
  socket: Socket,
  limits: ServerLimits,
  totals: Totals,
): Transport {
  // Clients drop the connection at a frame of more than 16 MiB, but accept a fragmented message of 64 MiB.
  const maxPayload = limits.frameBytes / 2
  const peer = peerName(socket)
  return {
    source: `websocket JSON-RPC message from exec-server websocket ${peer}`,
    peer,
    send: (message) => {
      // No data may follow a close frame.
      if (websocket.readyState !== websocket.OPEN) return
      totals.sent += payloadLength(message)
      for (const bytes of encodeMessage(message, maxPayload)) {
        noteBytes(bytes.length)
        socket.write(bytes)
      }
    },
    queued: () => socket.writableLength,
    pauseInput: () => websocket.pause(),
    resumeInput: () => websocket.resume(),
    close: (code, reason) => websocket.close(code, reason),
  }
}
