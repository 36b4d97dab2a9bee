/** All limits of the client, with the reason for each. Sizes in bytes, times in ms. */

/** The limits of a client. Override some of them with `ClientOptions.limits`. */
export type ClientLimits = {
  /** Timeout for opening the socket. Same as Codex's clients. */
  connectMs: number
  /** Timeout for the whole handshake. Same as Codex. */
  initializeMs: number
  /** Bytes of the text with which a server refuses a connection: a sentence or two. */
  refusalBytes: number
  /** How long that text may take to arrive. */
  refusalMs: number
  /** How long to retry a lost connection. Same as the newest Codex; servers keep a session for 10 to 80 s. */
  recoveryMs: number
  /** Delay between two attempts; the first is immediate. Same as Codex. */
  recoveryIntervalMs: number
  /** Silence after which the client pings the server, up to a fifth later. */
  pingIntervalMs: number
  /**
   * Timeout for the reply. A peer that has vanished is noticed within 20 s. Interval plus timeout stay well below `recoveryMs`, so that the session can still be
   * resumed.
   */
  pingTimeoutMs: number
  /**
   * Concurrent calls; further ones queue in the client. Servers from 0.140 to 0.169 hang for good when some 250 are
   * sent at once.
   */
  callsInFlight: number
  /** Queued calls. Beyond that a call fails at once: the program is probably leaking calls. */
  callsWaiting: number
  /** Events buffered per process for late or slow readers. Same as Codex. */
  replayEvents: number
  /** Bytes of output in these events. Same as Codex. */
  replayBytes: number
  /**
   * Events buffered per process while a reader has not read them: a fast connection can deliver more than the above at
   * once. From a quarter of it the client pauses reading from the connection if the server cannot throttle the process.
   */
  unreadEvents: number
  /** Bytes of output in these events. */
  unreadBytes: number
  /** How long a new process counts as having a reader. Programs start reading at once, or never. */
  firstReaderMs: number
  /** How long reading from the connection stays paused for a reader that makes no progress. */
  holdMs: number
  /** Output that the process may be ahead of its slowest reader before the server throttles it, where it can. */
  outputWindow: number
  /** Events buffered while an earlier one is missing. Servers send them in order, or nearly so. */
  reorderEvents: number
  /** Default bound for `output()`: well above that of Node's `child_process`. */
  gatheredOutput: number
  /** Bytes of stdin per process/write: large enough for full throughput, small enough not to block other messages. */
  writeChunk: number
  /** Concurrent writes per process. The server answers a write once it has room for it. */
  writesInFlight: number
  /** Unread chunks of one streamed HTTP body, or network connection, as all below. Same as Codex. */
  httpDeltas: number
  /** Unread bytes of all bodies of a session. Same as Codex. */
  httpQueuedTotal: number
  /**
   * Window of one body, where the server supports it: full throughput to a devbox some 50 ms away. Concurrent bodies
   * share `httpQueuedTotal`, with at least `httpWindowLeast` each.
   */
  httpWindow: number
  /** Smallest window of a body. */
  httpWindowLeast: number
  /**
   * Unread bytes of all bodies where the server supports windows: as many as a server streams at a time, plus unread bodies that have ended.
   */
  httpWindowedTotal: number
  /** Network connections being opened at a time: each is a call, which waits while its peer does not answer. */
  netConnecting: number
  /** Bytes per fs/readBlock and fs/writeBlock. Set by the protocol. */
  fileBlock: number
  /** Blocks requested ahead, to hide latency. */
  fileBlocksAhead: number
  /**
   * Largest file that fits into a single frame of fs/writeFile. Larger ones are written in blocks, where the server
   * supports them.
   */
  fileInOneFrame: number
  /**
   * Largest file sent in one message: no server accepts more than 64 MiB. Also the largest that our server returns from
   * fs/readFile.
   */
  fileInOneMessage: number
  /** The largest file that `readFile` returns; use `readStream` beyond that. Same as the reference. */
  readFileBytes: number
  /** Maximum, and default, depth of one walk. Same as the reference; so are the next two. */
  walkDepth: number
  /** Maximum, and default, number of directories read in one walk. */
  walkDirectories: number
  /** Maximum, and default, number of entries examined in one walk. */
  walkEntries: number
  /** Small unread chunks of a body are merged up to this size, so that counting chunks is meaningful. */
  httpJoined: number
  /** Largest body of an HTTP request. It is sent whole, in one message. */
  httpRequestBody: number
  /** Largest message accepted: the most that any server may send. */
  messageBytes: number
  /** Largest frame sent. Servers drop the connection above it. */
  frameBytes: number
  /** Characters per line of stderr, of servers and MCP servers. Longer lines are split. */
  stderrLine: number
  /** How long a spawned server may take to exit after its stdin is closed. */
  stdioGraceMs: number
  /** Largest message (one line) of an MCP server: enough for images and whole files. */
  mcpLineBytes: number
  /** How long an MCP server may take to exit after end of file. Same as the MCP SDK. */
  mcpEofMs: number
  /** How long it may then take to exit after SIGTERM. Same as the MCP SDK. */
  mcpTermMs: number
  /** How long the devbox may take to report the exit. */
  mcpKillMs: number
  /** Timeout for starting over HTTP, from the first request to the second response. Same as Codex. */
  mcpStartupMs: number
}

const MiB = 1024 * 1024

/** The default limits. Sizes in bytes, times in ms. */
export const defaultClientLimits: Readonly<ClientLimits> = {
  connectMs: 10_000,
  initializeMs: 10_000,
  refusalBytes: 4096,
  refusalMs: 1000,
  recoveryMs: 45_000,
  recoveryIntervalMs: 100,
  pingIntervalMs: 7500,
  pingTimeoutMs: 10_000,
  callsInFlight: 128,
  callsWaiting: 65_536,
  replayEvents: 256,
  replayBytes: MiB,
  unreadEvents: 65_536,
  unreadBytes: 16 * MiB,
  firstReaderMs: 1000,
  holdMs: 10_000,
  outputWindow: 512 * 1024,
  reorderEvents: 256,
  gatheredOutput: 64 * MiB,
  writeChunk: 64 * 1024,
  writesInFlight: 16,
  httpDeltas: 256,
  httpQueuedTotal: 16 * MiB,
  httpWindow: MiB,
  httpWindowLeast: 64 * 1024,
  httpWindowedTotal: 128 * MiB,
  netConnecting: 32,
  fileBlock: MiB,
  fileBlocksAhead: 4,
  fileInOneFrame: 11 * MiB,
  fileInOneMessage: 47 * MiB,
  readFileBytes: 512 * MiB,
  walkDepth: 64,
  walkDirectories: 10_000,
  walkEntries: 50_000,
  httpJoined: 64 * 1024,
  httpRequestBody: 47 * MiB,
  messageBytes: 256 * MiB,
  frameBytes: 16 * MiB,
  stderrLine: 16 * 1024,
  stdioGraceMs: 2000,
  mcpLineBytes: 64 * MiB,
  mcpEofMs: 2000,
  mcpTermMs: 2000,
  mcpKillMs: 2000,
  mcpStartupMs: 30_000,
}
