/**
 * Answers that will not come. Over HTTP an answer is in the response to its request, and the SDK waits for it until the call's timeout
 * even if that response has broken off. So a call is failed as soon as its response is over without it, unless the server has numbered
 * its events: then the SDK fetches the rest.
 */
import { messageOf } from '../base/errors.ts'
import type { McpMessage, McpTransport } from './transport.ts'

/** What the SDK itself fails calls with when a connection has ended. */
const CONNECTION_CLOSED = -32000

/** The SDK may still have to read what has come. */
const READING_MS = 100

type Id = string | number

export type LostAnswers = {
  /** Gives the response to a request with this id back, watched. */
  watch(id: Id, response: Response): Response
}

/** To be called before anybody else sets `onmessage`; those who do keep what they find, as the SDK does. */
export function failLostAnswers(transport: Pick<McpTransport, 'onmessage'>): LostAnswers {
  const awaited = new Set<Id>()
  transport.onmessage = ({ id, method }) => {
    if (method === undefined && id !== undefined) awaited.delete(id)
  }
  const fail = (id: Id, why: string): void => {
    if (!awaited.delete(id)) return
    transport.onmessage?.({ jsonrpc: '2.0', id, error: { code: CONNECTION_CLOSED, message: `no answer came: ${why}` } })
  }
  return {
    watch: (id, response) => {
      if (response.body === null || !isEventStream(response)) return response
      awaited.add(id)
      const numbers = numberedEvents()
      const over = (why: string): void => {
        if (numbers.found) return void awaited.delete(id)
        setTimeout(() => fail(id, why), READING_MS)
      }
      const { status, headers } = response
      return new Response(observed(response.body, numbers.push, over), { status, headers })
    },
  }
}

const EVENT_STREAM = /^\s*text\/event-stream\s*(;|$)/i
const isEventStream = ({ ok, headers }: Response): boolean => ok && EVENT_STREAM.test(headers.get('content-type') ?? '')

type Bytes = Uint8Array<ArrayBuffer>

/** The same stream, while `push` gets its bytes and `over` the reason of its end. */
function observed(
  stream: ReadableStream<Bytes>,
  push: (bytes: Bytes) => void,
  over: (why: string) => void,
): ReadableStream<Bytes> {
  const reader = stream.getReader()
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        try {
          const { value, done } = await reader.read()
          if (done) {
            over('the response has ended')
            return controller.close()
          }
          push(value)
          controller.enqueue(value)
        } catch (error) {
          over(messageOf(error))
          controller.error(error)
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** Whether an event with an id has come by, by its line: `id: 5`. */
function numberedEvents(): { push(bytes: Uint8Array): void; readonly found: boolean } {
  const decoder = new TextDecoder()
  let found = false
  let start = ''
  return {
    get found() {
      return found
    },
    push: (bytes) => {
      if (found) return
      const text = start + decoder.decode(bytes, { stream: true })
      found = /(^|[\r\n])id: ?[^\r\n]/.test(text)
      // Of a line that goes on in what follows no more is needed than tells what it is.
      start = text.slice(Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1).slice(0, 'id: x'.length)
    },
  }
}

/** The id of a request, as it goes out; undefined for what is none. */
export function requestOf(body: unknown): { id?: Id | undefined; method?: string | undefined } {
  if (typeof body !== 'string') return {}
  const message = JSON.parse(body) as McpMessage | McpMessage[]
  return Array.isArray(message)
    ? {}
    : { id: message.method === undefined ? undefined : message.id, method: message.method }
}
