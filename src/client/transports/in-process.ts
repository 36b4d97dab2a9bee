/** In-process transport: calls the server's core directly. */
import { setImmediate } from 'node:timers'
import type { RawJson } from '../../core/base/json-fragments.ts'
import type { ExecServer } from '../../core/rpc/server.ts'
import type { Transport } from '../../core/base/transport.ts'
import type { Connector } from './transport.ts'

const encoder = new TextEncoder()

/** `end` is called when the connection ends. */
export function inProcessConnector(server: ExecServer, end: () => void): Connector {
  return {
    name: 'the exec-server in this program',
    recovers: false,
    canVanish: false,
    open: async (events) => {
      const inbox: string[] = []
      let queued = 0
      let isPaused = false
      let isClosed = false
      const closed = (reason: string): void => {
        isClosed = true
        events.closed(reason)
      }
      // Deliver in a separate task, as from a socket: neither side re-enters the other, and I/O gets its turn.
      const deliver = (text: string): void => {
        queued += text.length
        setImmediate(() => {
          queued -= text.length
          if (!isClosed) events.message(text)
          if (queued === 0) connection.drained()
        })
      }
      const receiveAll = (): void => {
        while (!isPaused && !isClosed) {
          const text = inbox.shift()
          if (text === undefined) return
          connection.receive(encoder.encode(text))
        }
      }
      const transport: Transport = {
        source: 'JSON-RPC message from exec-server client',
        peer: 'in-process',
        send: (message) => deliver(textOf(message)),
        queued: () => queued,
        pauseInput: () => void (isPaused = true),
        resumeInput: () => {
          isPaused = false
          queueMicrotask(receiveAll)
        },
        close: (_, reason) => setImmediate(() => closed(reason)),
      }
      const connection = server.connect(transport)
      return {
        send: (text) => {
          inbox.push(text)
          queueMicrotask(receiveAll)
        },
        close: async () => {
          isClosed = true
          connection.gone('the client was closed')
          end()
        },
      }
    },
  }
}

const textOf = (message: string | RawJson): string => (typeof message === 'string' ? message : message.text)
