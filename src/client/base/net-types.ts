/** The public types of network connections. */
import type { ListeningPort, NetAddress } from '../../protocol/schemas/net.ts'
import type { Abortable } from './abortable.ts'

export type { ListeningPort, NetAddress }

/**
 * A port of the devbox's loopback (`localhost`, over IPv4 or IPv6), a host that the devbox reaches and a port, or a unix
 * socket by its absolute path there.
 */
export type ConnectTarget = number | { host?: string; port: number } | { path: string }

/** Options of `connect`. */
export type ConnectOptions = Abortable & {
  /** Time limit for connecting, in ms. Default, and the most: the server's 30 s. */
  timeoutMs?: number | undefined
}

/**
 * A network connection of the devbox. Each direction has backpressure and ends by itself: `writable.close()` is the end
 * for the peer, which may still answer. A canceled `readable` or an aborted `writable` gives the connection up, both ways.
 */
export type RemoteConnection = AsyncDisposable & {
  /** What the peer sends. Fails with the reason if the connection breaks off. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  /** To the peer. A write resolves once it is on its way, and waits while the peer is slow. */
  readonly writable: WritableStream<Uint8Array>
  /** The other end, as the devbox sees it; undefined for a unix socket. */
  readonly remote: NetAddress | undefined
  /** Resolves when both directions have ended, or with the error of a connection that broke off. */
  readonly closed: Promise<Error | undefined>
  /** Gives the connection up, both ways. */
  close(): Promise<void>
}

/** A listener of the devbox. Iterating gives each accepted connection; it ends after `close`. */
export type RemoteListener = AsyncDisposable &
  AsyncIterable<RemoteConnection> & {
    /** Where it listens; undefined for a unix socket. */
    readonly local: NetAddress | undefined
    /** Accepts no more, and closes connections that were not taken. Those that were taken stay open. */
    close(): Promise<void>
  }
