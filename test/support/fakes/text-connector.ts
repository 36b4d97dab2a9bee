/** A connection to a server in this program over JSON text, with the turns of the event loop that the real one has. */
import { setImmediate } from 'node:timers'
import type { Connector } from '../../../src/client/transports/transport.ts'
import type { Transport } from '../../../src/core/base/transport.ts'
import type { ExecServer } from '../../../src/core/rpc/server.ts'
import { jsonText } from '../json-text.ts'

const encoder = new TextEncoder()

export const textConnector = (server: ExecServer): Connector => ({
  name: 'the exec-server in this test',
  recovers: false,
  canVanish: false,
  open: async (events) => {
    const inbox: string[] = []
    let queued = 0
    let isPaused = false
    const receiveAll = (): void => {
      for (let text; !isPaused && (text = inbox.shift()) !== undefined; ) connection.receive(encoder.encode(text))
    }
    const transport: Transport = {
      source: 'JSON-RPC message from exec-server client',
      peer: 'in-process',
      send: (message) => {
        const text = jsonText(message)
        queued += text.length
        setImmediate(() => {
          queued -= text.length
          events.message(text)
          if (queued === 0) connection.drained()
        })
      },
      queued: () => queued,
      pauseInput: () => void (isPaused = true),
      resumeInput: () => {
        isPaused = false
        queueMicrotask(receiveAll)
      },
      close: (_, reason) => setImmediate(() => events.closed(reason)),
    }
    const connection = server.connect(transport)
    return {
      send: (text) => {
        inbox.push(text)
        queueMicrotask(receiveAll)
      },
      close: async () => connection.gone('the client was closed'),
    }
  },
})
