/** Transport on a pair of byte streams: one JSON message per line. */
import { messageOf } from '../base/errors.ts'
import { textLines } from './lines.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { Connector } from './transport.ts'

/**
 * Byte streams connected to a server, such as those of a tunnel: `readable` from it, `writable` to it. They are closed
 * with the session.
 */
export type StreamPair = { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> }

/** Connects over a pair of streams. A lost connection cannot be recovered. */
export function streamsConnector({ readable, writable }: StreamPair, limits: ClientLimits): Connector {
  return {
    name: 'the exec-server at the other end of the streams',
    recovers: false,
    canVanish: false,
    open: async (events) => {
      const writer = writable.getWriter()
      const reader = readable.getReader()
      const encoder = new TextEncoder()
      const lines = textLines(limits.messageBytes, (line) => events.message(line))
      const read = async (): Promise<void> => {
        for (;;) {
          const { value, done } = await reader.read()
          if (done) return events.closed('the server has ended its stream')
          lines.push(value)
        }
      }
      read().catch((error: unknown) => events.closed(messageOf(error)))
      return {
        send: (text) =>
          void writer.write(encoder.encode(`${text}\n`)).catch((error: unknown) => events.closed(messageOf(error))),
        close: async () => {
          events.closed('the client was closed')
          // A stream that has failed is already closed.
          await Promise.allSettled([writer.close(), reader.cancel()])
        },
      }
    },
  }
}
