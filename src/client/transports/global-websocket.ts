/**
 * WebSocket transport on the platform's own WebSocket, for browsers: no headers, no pings; the page's origin is sent.
 */
import { ConnectError, messageOf } from '../base/errors.ts'
import { displayUrl, parseWebSocketUrl } from './target-url.ts'
import type { Connector } from './transport.ts'

const NORMAL_CLOSURE = 1000

/** Connects over ws:// or wss://. */
export function webSocketConnector(url: string): Connector {
  const { href, socketPath } = parseWebSocketUrl(url)
  const name = displayUrl(url)
  if (socketPath !== undefined) throw new ConnectError('a browser cannot open unix sockets')
  return {
    name,
    recovers: true,
    canVanish: true,
    open: (events, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        let socket: WebSocket
        try {
          socket = new WebSocket(href)
        } catch (error) {
          return reject(new ConnectError(`cannot connect to ${name}: ${messageOf(error)}`))
        }
        let isOpen = false
        const abort = (): void => {
          socket.close()
          reject(signal.reason)
        }
        signal.addEventListener('abort', abort, { once: true })
        socket.binaryType = 'arraybuffer'
        socket.onmessage = ({ data }) =>
          events.message(typeof data === 'string' ? data : new TextDecoder().decode(data as ArrayBuffer))
        socket.onclose = ({ code, reason }) => {
          signal.removeEventListener('abort', abort)
          // Browsers do not reveal the reason.
          if (!isOpen) return reject(new ConnectError(`cannot connect to ${name}`, { isTransient: true }))
          events.closed(reason === '' ? `the connection was closed with ${code}` : `the server closed it: ${reason}`)
        }
        socket.onopen = () => {
          isOpen = true
          signal.removeEventListener('abort', abort)
          resolve({
            send: (text) => socket.send(text),
            close: async () => socket.close(NORMAL_CLOSURE),
          })
        }
      }),
  }
}
