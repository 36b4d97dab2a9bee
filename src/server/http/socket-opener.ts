/** What stands between an accepted socket and the HTTP server: nothing, TLS, or a link that the server has dialled. */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What HTTP is spoken on. */
export type HttpStream = Duplex & Pick<Socket, 'destroySoon' | 'remoteAddress' | 'remotePort'>

/** Prepares accepted sockets for HTTP. */
export type SocketOpener = {
  /** Calls `use` with what HTTP is spoken on, paused, unless the socket closes before. */
  open(socket: Socket, use: (stream: HttpStream) => void): void
  /** The accepted socket behind a stream that was opened. */
  carrierOf(stream: Socket): Socket
}

/** HTTP is spoken on the socket itself. */
export const plainOpener: SocketOpener = { open: (socket, use) => use(socket), carrierOf: (stream) => stream }
