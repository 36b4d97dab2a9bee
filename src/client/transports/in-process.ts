/** In-process transport: calls the server's core directly, with values instead of JSON text. */
import { setImmediate } from 'node:timers'
import type { ValueTransport } from '../../core/base/transport.ts'
import type { ExecServer } from '../../core/rpc/server.ts'
import { messageOfValue } from '../../protocol/wire/values.ts'
import type { SizedMessage } from '../../protocol/wire/values.ts'
import { valueOf } from './client-message.ts'
import type { Connector } from './transport.ts'

/** `end` is called when the connection ends. */
export function inProcessConnector(server: ExecServer, end: () => void): Connector {
  return {
    name: 'the exec-server in this program',
    recovers: false,
    canVanish: false,
    open: async (events) => {
      const inbox: SizedMessage[] = []
      let queued = 0
      let isPaused = false
      let isClosed = false
      const closed = (reason: string): void => {
        isClosed = true
        events.closed(reason)
      }
      const receive = ({ message, bytes }: SizedMessage): void => {
        const { messageBytes } = connection
        if (bytes <= messageBytes) connection.accept(message, bytes)
        else connection.refuse(`larger than ${messageBytes} bytes`, 'id' in message ? message.id : undefined)
      }
      const receiveAll = (): void => {
        while (!isPaused && !isClosed) {
          const message = inbox.shift()
          if (message === undefined) return
          receive(message)
        }
      }
      const transport: ValueTransport = {
        source: 'JSON-RPC message from exec-server client',
        peer: 'in-process',
        // In a separate task, as from a socket: neither side re-enters the other, and I/O gets its turn.
        sendValue: (message, bytes) => {
          queued += bytes
          setImmediate(() => {
            queued -= bytes
            if (!isClosed) events.value(message)
            if (queued === 0) connection.drained()
          })
        },
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
        sendValue: (message) => {
          inbox.push(messageOfValue(valueOf(message)))
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
