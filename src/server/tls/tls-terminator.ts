/** Speaks TLS on accepted sockets, in front of the HTTP server. */
import type { Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { errorCode } from '../../base/os-error-text.ts'
import { peerName } from '../http/peer-name.ts'
import type { SocketOpener } from '../http/socket-opener.ts'
import type { OnRefused } from '../telemetry/refusals.ts'
import { MIN_TLS_VERSION } from './key-pair.ts'
import type { KeyPair } from './key-pair.ts'

/** An opener that does the handshakes, with a pair that can be replaced for those that follow. */
export type TlsTerminator = SocketOpener & { replace(pair: KeyPair): void }

/** OpenSSL's code for a peer that sends a plain HTTP request. */
const PLAIN_HTTP = 'ERR_SSL_HTTP_REQUEST'

/** The peer has left during its handshake, as port scanners do. */
const LEFT_CODES = ['ECONNRESET', 'EPIPE']

/** The answer to plain HTTP. Clients know by the word HTTPS what to do. */
const NEEDS_TLS = 'this server speaks HTTPS: use wss://\n'

type Waiting = { socket: Socket; use: (stream: Socket) => void }

/**
 * Creates a terminator. Sockets are not closed here when a handshake takes too long: their limits do that. Handshakes that
 * fail go to `onRefused`.
 */
export function createTlsTerminator(first: KeyPair, onRefused: OnRefused): TlsTerminator {
  /** By the ends of the connection, which the socket before and the one after the handshake have in common. */
  const waiting = new Map<string, Waiting>()
  const carriers = new WeakMap<Socket, Socket>()
  const server = createServer({ ...contextOf(first), ALPNProtocols: ['http/1.1'] })

  /** The socket of `ends`, which waits no longer. */
  const take = (ends: string): Waiting | undefined => {
    const found = waiting.get(ends)
    waiting.delete(ends)
    return found
  }

  server.on('secureConnection', (secure: TLSSocket) => {
    const found = take(endsOf(secure))
    // It has closed meanwhile.
    if (found === undefined) return void secure.destroy()
    carriers.set(secure, found.socket)
    // From here on the HTTP server decides, as without TLS.
    secure.allowHalfOpen = true
    secure.pause()
    found.use(secure)
  })
  server.on('tlsClientError', (error: Error, secure: TLSSocket) => {
    const ends = endsOf(secure)
    const { socket } = waiting.get(ends) ?? {}
    const code = errorCode(error) ?? ''
    if (socket === undefined || LEFT_CODES.includes(code)) return
    waiting.delete(ends)
    if (code === PLAIN_HTTP) socket.write(plainAnswer())
    const why =
      code === PLAIN_HTTP
        ? 'it does not speak TLS'
        : `the TLS handshake failed: ${'reason' in error ? String(error.reason) : error.message}`
    onRefused({ status: 400, reason: 'tls', peer: peerName(socket), why })
  })

  return {
    open: (socket, use) => {
      const ends = endsOf(socket)
      const entry = { socket, use }
      waiting.set(ends, entry)
      socket.once('close', () => {
        if (waiting.get(ends) === entry) waiting.delete(ends)
      })
      // The socket for the handshake takes this over: a peer that leaves meanwhile would stay half open.
      socket.allowHalfOpen = false
      server.emit('connection', socket)
    },
    carrierOf: (stream) => carriers.get(stream) ?? stream,
    replace: (pair) => server.setSecureContext(contextOf(pair)),
  }
}

const contextOf = ({ certificate, key }: KeyPair) => ({ cert: certificate, key, minVersion: MIN_TLS_VERSION }) as const

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`
}

function plainAnswer(): string {
  const head = [
    'HTTP/1.1 400 Bad Request',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${NEEDS_TLS.length}`,
    'Connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${NEEDS_TLS}`
}
