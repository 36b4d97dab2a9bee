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
  closeTimeoutMs: 2000,
  runLogs: 1024 * MiB,
  logQueue: MiB,
  logText: 8192,
  auditText: 64 * 1024,
}
