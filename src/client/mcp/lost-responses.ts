/**
 * Fails calls whose response was lost. Over HTTP a result arrives in the response to its request, and the SDK waits
 * until the call's timeout even if that response broke off. So a call fails as soon as its response ends without a
 * result, unless the server numbers its events: the SDK then fetches the rest.
 */
import { messageOf } from '../base/errors.ts'
import type { McpMessage, McpTransport } from './transport.ts'

/** The code that the SDK uses for a closed connection. */
const CONNECTION_CLOSED = -32000

/** Time for the SDK to process what has arrived, in ms. */
const SDK_DELAY_MS = 100

type Id = string | number

/** Watches responses for lost results. */
export type LostResponses = {
  /** Returns an equivalent response, watched for the result of request `id`. */
  watch(id: Id, response: Response): Response
}

/** Installs a watcher. Call before anything else sets `onmessage`: the SDK then chains to the existing handler. */
export function failLostResponses(transport: Pick<McpTransport, 'onmessage'>): LostResponses {
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
      const onEnd = (why: string): void => {
        if (numbers.found) return void awaited.delete(id)
        setTimeout(() => fail(id, why), SDK_DELAY_MS)
      }
      const { status, headers } = response
      return new Response(tapped(response.body, numbers.push, onEnd), { status, headers })
    },
  }
}

const EVENT_STREAM = /^\s*text\/event-stream\s*(;|$)/i
const isEventStream = ({ ok, headers }: Response): boolean => ok && EVENT_STREAM.test(headers.get('content-type') ?? '')

type Bytes = Uint8Array<ArrayBuffer>

/** Passes the stream through; calls `push` with each chunk and `onEnd` with the reason of its end. */
function tapped(
  stream: ReadableStream<Bytes>,
  push: (bytes: Bytes) => void,
  onEnd: (why: string) => void,
): ReadableStream<Bytes> {
  const reader = stream.getReader()
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        try {
          const { value, done } = await reader.read()
          if (done) {
            onEnd('the response has ended')
            return controller.close()
          }
          push(value)
          controller.enqueue(value)
        } catch (error) {
          onEnd(messageOf(error))
          controller.error(error)
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** Detects an event with an id, by a line such as `id: 5`. */
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
      // Keep only as much of an incomplete line as is needed to recognise it.
      start = text.slice(Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1).slice(0, 'id: x'.length)
    },
  }
}

/** The id and method of an outgoing request; empty for anything else. */
export function requestOf(body: unknown): { id?: Id | undefined; method?: string | undefined } {
  if (typeof body !== 'string') return {}
  const message = JSON.parse(body) as McpMessage | McpMessage[]
  return Array.isArray(message)
    ? {}
    : { id: message.method === undefined ? undefined : message.id, method: message.method }
}
