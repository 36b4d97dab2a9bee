/** Every bound of the server, in one place, with its reason. Bytes and milliseconds. */

export type Limits = {
  /** Sockets, upgraded or not. Each costs a descriptor and up to 100 KiB when idle; the agents of one machine need a few. */
  connections: number
  /** Sockets beyond that which are told so at a time: 503, and a moment to read it. Others are just closed. */
  refusedConnections: number
  /** And that moment. */
  refusalMs: number
  /** How long a socket may take to its upgrade, or from one HTTP request to the next. A handshake is one round trip. */
  handshakeMs: number
  /** Sessions, those that wait for their client included. One for each connection, as a rule. */
  sessions: number
  /** Processes of one session that are not closed, those about to start included. Each has a few descriptors here. */
  processes: number
  /**
   * Closed processes of one session that are kept for reading. Without any output one holds some 12 KiB, and 100 a second,
   * which is what this comes to, is more than any client starts.
   */
  endedProcesses: number
  /**
   * Requests of one connection that may wait without end, for output, or for an HTTP peer. Beyond it they are refused, so
   * that a terminate behind them is always read.
   */
  waitingRequests: number
  /** And their messages, together: two of the largest. */
  waitingBytes: number
  /**
   * Requests of one connection under way that end by themselves, beyond which it is not read: enough to keep any disk
   * busy, and to a burst of any length it is only a pause.
   */
  runningRequests: number
  /** How long what runs is given when the server is asked to end. As always, unless told: none. */
  drainMs: number
  /** While draining, how long all must have been over: a client that polls process/read comes for its last answer. */
  drainQuietMs: number
  /**
   * One inbound WebSocket frame. The reference takes as much, so every client keeps below it.
   * One outbound frame stays below it too, because clients drop the connection above it.
   */
  frameBytes: number
  /** One message, of any number of frames, or one stdio line. Every client and the reference have this bound. */
  messageBytes: number
  /** Retained output of one process. The protocol's figure: clients recover from a cut by reading this much back. */
  retainedPerProcess: number
  /** Retained chunks of one process: newer clients decode at most about 256,000 JSON values in an answer, 5 a chunk. */
  chunksPerProcess: number
  /** Retained output of all processes together. Ended processes give theirs up first. */
  retainedTotal: number
  /** What one retained chunk costs besides its bytes, so that a million tiny chunks count for what they are. */
  chunkOverhead: number
  /**
   * Output in one process/output. Big enough that framing costs nothing, far below the 1 MiB at which
   * newer clients give a process up.
   */
  chunkBytes: number
  /** Unsent output of one process at which its pipe or terminal is no longer read: a few chunks, so a child never idles on a fast client. */
  unsentPerProcess: number
  /** And unsent chunks, however small: well below the chunks that are retained, so that none is dropped unsent. */
  unsentChunks: number
  /**
   * Chunks that the client of a process with an output window has not acknowledged, however small: well below those that a
   * client can decode in one answer, and far more than the some hundred after which clients acknowledge.
   */
  unacknowledgedChunks: number
  /** Bytes queued in a connection at which output waits its turn, so that answers never stand behind more than this. */
  outboundOutput: number
  /**
   * Bytes queued in a connection at which its requests are no longer read. Above one largest answer, so that
   * a client that pipelines thousands of requests before it reads is served, and one that never reads is not.
   */
  outboundTotal: number
  /** Stdin bytes queued for a child that does not read, before answers to process/write are held back. */
  stdinQueue: number
  /** And writes that the child has not taken, however small: each is an object of its own. */
  stdinWrites: number
  /**
   * Stdin queued and held back for all processes of a session together, above which process/write is refused:
   * one largest message.
   */
  stdinTotal: number
  /** What a write that is held back costs besides its bytes: its promises, its write id, its place in line. */
  heldWriteOverhead: number
  /** Accepted write ids that are remembered per process. The reference's figure; clients re-send the last few. */
  writeIds: number
  /** How long an ended process stays readable after `closed`. The newest reference's figure; clients recover within 45 s. */
  retainEndedMs: number
  /** Processes in one answer to process/list: with the longest names that are shown it still fits a message. */
  listedProcesses: number
  /** How long a session outlives its connection. Same figure, same reason. */
  sessionTtlMs: number
  /** The longest grace between SIGTERM and SIGKILL that process/terminate may ask for: as long as a session waits for its client. */
  graceMs: number
  /** After terminate and exit, how long silence on a stream that a stray grandchild still holds means its end. */
  strayQuietMs: number
  /** And how long such a stream is read at most. */
  strayTotalMs: number
  /** Pings to a WebSocket peer; one that leaves two unanswered is gone. The reference's interval. */
  pingIntervalMs: number
  /**
   * How long a peer whose session somebody else asks for may take to give a sign of life. Clients try for 25 to 45 s to come
   * back from a network that has dropped their connection without a word.
   */
  probeMs: number
  /** Pings of a peer that wait for their pongs, which are queued behind everything else: 2 MiB. Beyond it the peer is cut off. */
  pendingPongs: number
  /** How long a peer may take to answer our close frame. */
  closeTimeoutMs: number
  /**
   * Helpers of sandboxed file calls, each a process of some 45 MB: as many calls run side by side, and as many
   * different sandboxes are kept ready.
   */
  helperCount: number
  /** How long an idle helper is kept: an agent's next patch comes within that, or much later. */
  helperIdleMs: number
  /** Open files of one connection. The reference's figure. */
  fileHandles: number
  /** Bytes of one fs/readBlock or fs/writeBlock. The protocol's figure. */
  fileBlock: number
  /** The largest file that fs/readFile returns: its base64 must fit a message. */
  readFileBytes: number
  /** What one fs/walk may ask for. The reference's figures. */
  walkDepth: number
  walkDirectories: number
  walkEntries: number
  /** Paths in one fs/watchMissing. The reference's figure. */
  watchedPaths: number
  /** Roots in one capabilityRoots/discoverV1, and how far each is looked through. The reference's figures. */
  capabilityRoots: number
  capabilityDepth: number
  capabilityDirectories: number
  capabilityEntries: number
  /** One file of a plugin or skill, and all that one root gives. The reference's figures. */
  capabilityFileBytes: number
  capabilityRootBytes: number
  /** All that one answer gives, as JSON: with its warnings it must fit a message. */
  capabilityAnswerBytes: number
  /** And its warnings: tens of thousands, which nobody reads. */
  capabilityWarningBytes: number
  /** One file of Codex's configuration. Real ones have a few KiB; each is read, parsed and written in one go. */
  configFile: number
  /** HTTP requests of one connection under way, streamed bodies included. Each may hold some 128 KiB and a socket. */
  httpRequests: number
  /** Bytes of a streamed body in one http/request/bodyDelta: half of what the newest clients accept. */
  httpDelta: number
  /**
   * Deltas of one body with a window that the client has not acknowledged, however small: it has to keep each, and we its length.
   * Far more than the some hundred after which clients acknowledge.
   */
  httpUnacknowledged: number
  /** The largest body that a request without streamResponse returns: its base64 must fit a message. */
  httpBuffered: number
  /** Such bodies, those below a small size not counted, that one connection gathers at a time: two of the largest. */
  httpBufferedTotal: number
  /** Redirects followed in one request. The reference's figure. */
  httpRedirects: number
  /** How long a request without streamResponse may still take once the connection is being closed: time for a quick answer. */
  httpClosingMs: number
  /** Bytes of log lines that wait for whoever reads stderr. Some thousand lines; further ones are dropped, and counted. */
  logQueue: number
  /** Characters of one text in the log: a stack trace has them. */
  logText: number
  /** Characters of a command's arguments together in the audit log, and of the names of its variables: nearly all have them. */
  auditText: number
}

const MiB = 1024 * 1024

export const defaultLimits: Readonly<Limits> = {
  connections: 1024,
  refusedConnections: 64,
  refusalMs: 1000,
  handshakeMs: 10_000,
  sessions: 1024,
  processes: 1024,
  endedProcesses: 8192,
  waitingRequests: 4096,
  waitingBytes: 128 * MiB,
  runningRequests: 1024,
  drainMs: 0,
  drainQuietMs: 500,
  frameBytes: 16 * MiB,
  messageBytes: 64 * MiB,
  retainedPerProcess: MiB,
  chunksPerProcess: 50_000,
  retainedTotal: 256 * MiB,
  chunkOverhead: 256,
  chunkBytes: 64 * 1024,
  unsentPerProcess: 256 * 1024,
  unsentChunks: 4096,
  unacknowledgedChunks: 4096,
  outboundOutput: 256 * 1024,
  outboundTotal: 128 * MiB,
  stdinQueue: MiB,
  stdinWrites: 4096,
  stdinTotal: 64 * MiB,
  heldWriteOverhead: 2048,
  writeIds: 4096,
  retainEndedMs: 80_000,
  listedProcesses: 4096,
  sessionTtlMs: 80_000,
  graceMs: 80_000,
  strayQuietMs: 100,
  strayTotalMs: 1000,
  pingIntervalMs: 30_000,
  probeMs: 3000,
  pendingPongs: 16_384,
  closeTimeoutMs: 2000,
  helperCount: 4,
  helperIdleMs: 20_000,
  fileHandles: 128,
  fileBlock: MiB,
  readFileBytes: 47 * MiB,
  walkDepth: 64,
  walkDirectories: 10_000,
  walkEntries: 50_000,
  watchedPaths: 64,
  capabilityRoots: 128,
  capabilityDepth: 6,
  capabilityDirectories: 2000,
  capabilityEntries: 20_000,
  capabilityFileBytes: MiB,
  capabilityRootBytes: 16 * MiB,
  capabilityAnswerBytes: 48 * MiB,
  capabilityWarningBytes: 4 * MiB,
  configFile: MiB,
  httpRequests: 512,
  httpDelta: 512 * 1024,
  httpUnacknowledged: 1024,
  httpBuffered: 47 * MiB,
  httpBufferedTotal: 94 * MiB,
  httpRedirects: 10,
  httpClosingMs: 5000,
  logQueue: MiB,
  logText: 8192,
  auditText: 64 * 1024,
}
