/** A WebSocket as the core's transport. */
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Limits } from '../../core/base/limits.ts'
import type { Totals } from '../../core/base/observer.ts'
import type { Transport } from '../../core/base/transport.ts'
import { noteBytes } from '../../host/ffi/memory-pressure.ts'
import { payloadLength } from './message-encoding.ts'
import { encodeMessage } from './websocket-frames.ts'

export function websocketTransport(websocket: WebSocket, socket: Socket, limits: Limits, totals: Totals): Transport {
  // Clients drop the connection at a frame of more than 16 MiB; in fragments they take 64 MiB.
  const maxPayload = limits.frameBytes / 2
  // On a unix socket a peer has no address.
  const peer = socket.remoteAddress === undefined ? 'unix' : `${socket.remoteAddress}:${socket.remotePort ?? 0}`
  return {
    source: `websocket JSON-RPC message from exec-server websocket ${peer}`,
    peer,
    send: (message) => {
      // After a close frame nothing may follow.
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
