/** A WebSocket as the core's transport. */
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { AsciiParts } from '../core/frames.ts'
import type { Limits } from '../core/limits.ts'
import type { Transport } from '../core/transport.ts'

/** Below this, a string is left to the socket library, which encodes it without a copy of ours. */
const SMALL_STRING = 4096

export function websocketTransport(websocket: WebSocket, socket: Socket, limits: Limits): Transport {
  const send = (bytes: Buffer): void => {
    // Clients drop the connection at a frame of more than 16 MiB; in fragments they take 64 MiB.
    const fragment = limits.frameBytes / 2
    for (let at = 0; at === 0 || at < bytes.length; at += fragment) {
      const fin = at + fragment >= bytes.length
      websocket.send(fin && at === 0 ? bytes : bytes.subarray(at, at + fragment), { binary: false, fin })
    }
  }
  return {
    peer: `exec-server websocket ${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`,
    send: (message) => {
      if (message instanceof AsciiParts) send(asciiBytes(message))
      else if (message.length <= SMALL_STRING) websocket.send(message)
      else send(Buffer.from(message))
    },
    queued: () => websocket.bufferedAmount,
    pauseInput: () => websocket.pause(),
    resumeInput: () => websocket.resume(),
    close: (code, reason) => websocket.close(code, reason),
  }
}

/** One copy of each part, straight to where it is sent from. */
export function asciiBytes({ head, body, tail, length }: AsciiParts, end = ''): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length + end.length)
  bytes.write(head, 0, 'latin1')
  bytes.write(body, head.length, 'latin1')
  bytes.write(tail + end, head.length + body.length, 'latin1')
  return bytes
}
