/** What stands between an accepted socket and the HTTP server: nothing, or TLS. */
import type { Socket } from 'node:net'

/** Prepares accepted sockets for HTTP. */
export type SocketOpener = {
  /** Calls `use` with what HTTP is spoken on, paused, unless the socket closes before. */
  open(socket: Socket, use: (stream: Socket) => void): void
  /** The accepted socket behind a stream that was opened. */
  carrierOf(stream: Socket): Socket
}

/** HTTP is spoken on the socket itself. */
export const plainOpener: SocketOpener = { open: (socket, use) => use(socket), carrierOf: (stream) => stream }
