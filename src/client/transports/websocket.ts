/** WebSocket transport on `ws`, for Node and Deno: supports headers, pings and unix sockets. */
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { WebSocket } from 'ws'
import type { RawData } from 'ws'
import { isSea } from '../../base/sea.ts'
import { ConnectError, messageOf } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import { refusalError, socketError } from './connect-failure.ts'
import { displayUrl, parseWebSocketUrl } from './target-url.ts'
import type { Connector, Transport, TransportEvents } from './transport.ts'

/** `ws` reports this code if no close frame arrived. */
const ABNORMAL_CLOSURE = 1006

const NORMAL_CLOSURE = 1000

/** How long the peer may take to answer the close frame, in ms; Codex's servers never do. */
const CLOSE_GRACE_MS = 200

/** Headers of the upgrade request, and PEM certificates that are trusted instead of the runtime's. */
export type WebSocketOptions = {
  headers: Readonly<Record<string, string>>
  ca?: string | readonly string[] | undefined
}

/**
 * Connects over ws://, wss:// or unix:.
 * @throws {ConnectError} If the URL is invalid.
 */
export function webSocketConnector(url: string, { headers, ca }: WebSocketOptions, limits: ClientLimits): Connector {
  const { href, socketPath } = parseWebSocketUrl(url)
  const name = displayUrl(url)
  return {
    name,
    recovers: true,
    canVanish: socketPath === undefined,
    open: (events, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        let socket: WebSocket
        try {
          socket = new WebSocket(href, {
            headers,
            ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
            // The oldest servers reject clients that offer an extension.
            perMessageDeflate: false,
            maxPayload: limits.messageBytes,
            // In the executable NODE_TLS_REJECT_UNAUTHORIZED is meant for the commands.
            ...(isSea() ? { rejectUnauthorized: true } : {}),
            ...(socketPath === undefined ? {} : { createConnection: () => connect(socketPath) }),
          })
        } catch (error) {
          return reject(new ConnectError(`cannot connect to ${name}: ${messageOf(error)}`))
        }
        const abort = (): void => {
          socket.terminate()
          reject(signal.reason)
        }
        signal.addEventListener('abort', abort, { once: true })
        const fail = (error: Error): void => {
          signal.removeEventListener('abort', abort)
          socket.terminate()
          reject(error)
        }
        socket.on('unexpected-response', (_, response) => {
          // The refusal is known: an error while its body comes, such as a reset, changes nothing.
          socket.off('error', failed).on('error', () => {})
          void refusalBody(response, limits).then((body) => {
            const { statusCode: status = 0, headers } = response
            const server = headers['server']
            fail(refusalError(name, { status, body, server: server === undefined ? undefined : String(server) }))
          })
        })
        const failed = (error: Error): void => fail(socketError(name, error))
        socket.once('error', failed)
        socket.once('open', () => {
          signal.removeEventListener('abort', abort)
          resolve(openTransport(socket, events, limits))
        })
        listen(socket, events)
      }),
  }
}

/** The beginning of the text with which a server refuses. Never rejects, and takes no longer than `refusalMs`. */
async function refusalBody(response: IncomingMessage, { refusalBytes, refusalMs }: ClientLimits): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  const timer = setTimeout(() => response.destroy(), refusalMs)
  try {
    for await (const piece of response) {
      pieces.push(piece as Buffer)
      length += (piece as Buffer).length
      if (length >= refusalBytes) break
    }
  } catch {
    // Cut off: what has come is shown.
  }
  clearTimeout(timer)
  return Buffer.concat(pieces).subarray(0, refusalBytes).toString()
}

function listen(socket: WebSocket, events: TransportEvents): void {
  socket.on('message', (data: RawData) => events.message(data.toString()))
  socket.on('ping', () => events.alive())
  socket.on('pong', () => events.alive())
  let failure: string | undefined
  socket.on('error', (error) => (failure ??= messageOf(error)))
  socket.on('close', (code, reason) => {
    const closedBy =
      reason.length > 0 ? `the server closed it: ${reason.toString()}` : `the server closed it with ${code}`
    events.closed(failure ?? (code === ABNORMAL_CLOSURE ? 'the connection was cut' : closedBy))
  })
}

function openTransport(socket: WebSocket, events: TransportEvents, { frameBytes }: ClientLimits): Transport {
  const maxPayload = frameBytes / 2
  return {
    send: (text) => {
      // A UTF-16 code unit takes at most three bytes in UTF-8.
      if (text.length * 3 <= maxPayload) return socket.send(text)
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; at += maxPayload) {
        socket.send(bytes.subarray(at, at + maxPayload), { binary: false, fin: at + maxPayload >= bytes.length })
      }
    },
    ping: () => socket.ping(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () =>
      new Promise((resolve) => {
        if (socket.readyState === socket.CLOSED) return resolve()
        const timer = setTimeout(() => socket.terminate(), CLOSE_GRACE_MS)
        socket.on('close', () => {
          clearTimeout(timer)
          resolve()
        })
        events.alive()
        socket.close(NORMAL_CLOSURE)
      }),
  }
}
