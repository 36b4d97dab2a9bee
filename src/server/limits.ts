/**
 * The limits of the transports, the log and the audit log; the core's are in core/base/limits.ts. Sizes are in bytes,
 * times in milliseconds.
 */

/** The limits that the transports and the telemetry apply; see {@link defaultServerLimits} for the values. */
export type ServerLimits = {
  /**
   * Sockets whose clients have initialized. Each costs a descriptor and up to 100 KiB when idle; the agents of one
   * machine need a few. Clients that were pending when the last place was taken come in above it.
   */
  connections: number
  /**
   * Sockets that have not initialized, HTTP requests included. Beyond it the oldest gives way: a handshake takes
   * milliseconds, so a new client is through long before so many others have come.
   */
  pendingSockets: number
  /** Sockets above that limit that get a 503 response at a time; further ones are closed at once. */
  refusedConnections: number
  /** Time for such a socket to read its 503. */
  refusalMs: number
  /** Refusals that are logged in each `refusalWindowMs`: a peer that keeps trying must not fill a disk. */
  refusalLines: number
  refusalWindowMs: number
  /** Time from connecting to the upgrade, or between HTTP requests. A handshake is one round trip. */
  handshakeMs: number
  /** How often the files of the TLS certificate are looked at. They are renewed days ahead; a look costs microseconds. */
  certificateCheckMs: number
  /**
   * One inbound WebSocket frame. The reference has the same limit, so every client stays below it. Outbound frames stay
   * below it too, because clients drop the connection otherwise.
   */
  frameBytes: number
  /** Interval of WebSocket pings; a peer that leaves two unanswered is disconnected. Same as the reference. */
  pingIntervalMs: number
  /**
   * How long a peer has to respond to a probe when another client asks for its session. A client whose network dropped
   * the connection silently retries for 25 to 45 s.
   */
  probeMs: number
  /**
   * Pings from a peer whose pongs are still queued behind everything else: 2 MiB. Beyond it the peer is disconnected.
   */
  pendingPongs: number
  /**
   * Requests and WebSockets of previews at a time: each costs two descriptors. A browser opens 6 connections to a page's
   * host, and 255 WebSockets at the most. Beyond it they get a 503, and the server's own clients are not affected.
   */
  previewExchanges: number
  /** Those of one port, so that one page leaves room for others. */
  previewExchangesOfPort: number
  /** Time for connecting to a port of loopback, which answers at once unless its queue is full. */
  previewConnectMs: number
  /** Time until the head of a program's answer: development servers compile what is asked for first. */
  previewResponseMs: number
  /** Time without a byte in either direction. Event streams and hot reload may be silent for long, but not for good. */
  previewIdleMs: number
  /** Head of a program's answer: four times what Node allows, for cookies and policies of development servers. */
  previewHeadBytes: number
  /** How long a peer may take to answer our close frame. */
  closeTimeoutMs: number
  /** Bytes of the files in --log-dir: weeks of builds, on any disk. */
  runLogs: number
  /** Log lines queued for stderr. Some thousand lines; further ones are dropped and counted. */
  logQueue: number
  /** Characters of one text in the log: enough for a stack trace. */
  logText: number
  /**
   * Characters of a command's arguments together in the audit log, and of its variables' names: enough for nearly all
   * commands.
   */
  auditText: number
}

const MiB = 1024 * 1024

/** The limits unless options override them. */
export const defaultServerLimits: Readonly<ServerLimits> = {
  connections: 1024,
  pendingSockets: 1024,
  refusedConnections: 64,
  refusalMs: 1000,
  refusalLines: 20,
  refusalWindowMs: 60_000,
  handshakeMs: 10_000,
  certificateCheckMs: 5000,
  frameBytes: 16 * MiB,
  pingIntervalMs: 30_000,
  probeMs: 3000,
  pendingPongs: 16_384,
  previewExchanges: 512,
  previewExchangesOfPort: 256,
  previewConnectMs: 5000,
  previewResponseMs: 120_000,
  previewIdleMs: 3_600_000,
  previewHeadBytes: 64 * 1024,
  closeTimeoutMs: 2000,
  runLogs: 1024 * MiB,
  logQueue: MiB,
  logText: 8192,
  auditText: 64 * 1024,
}
