/** The public types of a server inside a program. */
import type { IncomingMessage } from 'node:http'
import type { Server as NetServer } from 'node:net'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { ClientOptions } from '../client/client.ts'
import type { ExecClient } from '../client/base/types.ts'
import type { LogLevel } from '../base/log-level.ts'

/**
 * The configuration of a server: the options of the command line by their names, with the same meaning, defaults and
 * bounds. src/server/README.md describes each.
 */
export type ServerConfig = {
  /** Where to listen: `ws://IP:PORT` or `unix:/PATH`. Default: nowhere; the program hands connections over. */
  listen?: string
  /** Let in only clients that have the secret in the path of the URL. */
  'capability-url'?: boolean
  'ws-auth'?: 'capability-token' | 'signed-bearer-token'
  'ws-token-file'?: string
  'ws-token-sha256'?: string
  'ws-shared-secret-file'?: string
  'ws-issuer'?: string
  'ws-audience'?: string
  'ws-max-clock-skew-seconds'?: number
  /** Speak TLS on `listen` and on listeners that are handed over; other connections are taken as they are. */
  'tls-cert'?: string
  'tls-key'?: string
  'tls-self-signed'?: boolean
  'allow-local-users'?: boolean
  'allow-unauthenticated'?: boolean
  'allow-host'?: readonly string[]
  'allow-origin'?: readonly string[]
  'session-ttl-seconds'?: number
  'retained-mib'?: number
  'retained-per-process'?: number
  'log-dir'?: string
  record?: string
  'log-mib'?: number
  'stdin-mib'?: number
  'max-connections'?: number
  'handshake-seconds'?: number
  'max-sessions'?: number
  'max-processes'?: number
  'max-total-processes'?: number
  'max-open-files'?: number
  'max-http-requests'?: number
  'max-requests'?: number
  /** How long `close` lets running work go on, by default. */
  'drain-seconds'?: number
  /** Serve MCP clients over HTTP, at `mcp` below the path of the server. Needs the package `@modelcontextprotocol/sdk`. */
  mcp?: boolean
  'mcp-workspace'?: string
  'mcp-sandbox'?: 'read-only' | 'workspace-write' | 'full'
  'mcp-network'?: 'on' | 'off'
  /** Show in a browser what listens on loopback: `/port/PORT/` below the path of the server. */
  preview?: boolean
  'log-level'?: LogLevel
  'audit-log'?: string
  bwrap?: string
  'require-sandbox'?: boolean
  /** Whether clients may start commands that are not prepared. Default: true. */
  direct?: boolean
  /** Whether clients may start prepared ones. Default: true. */
  prepared?: boolean
  /** `THEIRS=OURS`: what clients name THEIRS/… is OURS/… here. A client in this program has the paths of this machine. */
  map?: readonly string[]
  /** Rules, or the absolute path of a JSON file with them. */
  'http-policy'?: string | { allow?: readonly string[]; deny?: readonly string[] }
  /** Whether clients may open network connections. Default: true. */
  forward?: boolean
  /** Rules, or the absolute path of a JSON file with them. Default: loopback and unix sockets. */
  'forward-policy'?: string | { allow?: readonly string[]; deny?: readonly string[] }
}

/** What a program provides besides the configuration. */
export type ServerOptions = {
  /** Receives each line of the log, with its line feed. Default: stderr. */
  log?: (line: string) => void
}

/** A WebSocket of the package `ws`. */
export type UpgradedWebSocket = { readonly readyState: number; terminate(): void; ping(): void }

/** Bytes from a client, and to it, with a JSON message a line. Web streams or those of Node. */
export type ByteStreams = {
  readable: ReadableStream<Uint8Array> | Readable
  writable: WritableStream<Uint8Array> | Writable
}

/**
 * A server in this program. All clients share its limits, sessions and runs, however they are connected. `await using`
 * closes it.
 * @example
 * await using server = await createServer({ 'retained-mib': 64 })
 * http.on('upgrade', server.handleUpgrade)
 */
export type Server = AsyncDisposable & {
  /** Where it listens itself. Holds the secret of a capability URL. Undefined without `listen`. */
  readonly url: string | undefined
  /** The path for clients of the program's own listeners: `/`, or `/c/TOKEN` with a capability URL. */
  readonly path: string
  /** A client in this program, without a connection. */
  connect(options?: ClientOptions): Promise<ExecClient>
  /** Serves one client on streams. The program has let it in. Resolves when the client has gone. */
  serveStreams(streams: ByteStreams): Promise<void>
  /**
   * Serves a WebSocket that the program has let in and upgraded. Takes the arguments of the event `connection` of a
   * `WebSocketServer` of `ws`, as soon as that is emitted.
   */
  serveWebSocket(websocket: UpgradedWebSocket, request: IncomingMessage): void
  /**
   * Serves an upgrade request, after the checks of the configuration: origin, host, path, authentication and user. Takes
   * the arguments of the event `upgrade` of an HTTP server.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /**
   * Serves the connections of a listener of `node:net`, TCP or unix, as it would its own: WebSockets, `/readyz`,
   * `/healthz`, `/metrics`, and with those options `/mcp` and previews. The program opens and closes the listener.
   */
  serveListener(listener: NetServer): void
  /**
   * Ends every process and session, and closes the connections. With `graceMs`, running work first has that long to end
   * by itself, while new work is refused. Default: `drain-seconds`. A second call ends at once.
   */
  close(options?: { graceMs?: number }): Promise<void>
}
