/** The last events of one session, for clients that come back to a stream whose connection was lost. */
import type { EventStore } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js'
import { EVENT_LOG_BYTES, EVENT_OVERHEAD } from '../limits.ts'

type Event = { id: string; stream: string; message: JSONRPCMessage; size: number }
type Send = (id: string, message: JSONRPCMessage) => Promise<void>

/**
 * Keeps events up to so many bytes, the oldest are dropped first; the last one is always kept. It has no
 * `getStreamIdForEventId`: with it the transport refuses a client that comes back before its lost connection was noticed.
 */
export class EventLog implements EventStore {
  readonly #maxBytes: number
  readonly #events: Event[] = []
  #bytes = 0
  #count = 0

  constructor(maxBytes = EVENT_LOG_BYTES) {
    this.#maxBytes = maxBytes
  }

  async storeEvent(stream: string, message: JSONRPCMessage): Promise<string> {
    const id = String(++this.#count)
    const size = EVENT_OVERHEAD + JSON.stringify(message).length
    this.#events.push({ id, stream, message, size })
    this.#bytes += size
    while (this.#bytes > this.#maxBytes && this.#events.length > 1) this.#bytes -= this.#events.shift()?.size ?? 0
    return id
  }

  /** @throws {Error} if the event is not kept any more */
  async replayEventsAfter(lastId: string, { send }: { send: Send }): Promise<string> {
    const at = this.#events.findIndex(({ id }) => id === lastId)
    const last = this.#events[at]
    if (last === undefined) throw new Error(`event ${lastId.slice(0, 40)} is not kept any more`)
    for (const { id, stream, message } of this.#events.slice(at + 1)) {
      // The event with which a stream begins has no message.
      if (stream === last.stream && 'jsonrpc' in message) await send(id, message)
    }
    return last.stream
  }
}
