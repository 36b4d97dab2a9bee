/** Every bound of the client, in one place, with its reason. Bytes and milliseconds. */

export type ClientLimits = {
  /** How long a socket may take to open. Codex's clients wait as long. */
  connectMs: number
  /** How long the handshake may take, from its request to the last word of it. Codex's figure. */
  initializeMs: number
  /** How long a lost connection is tried for again. The newest Codex's figure; servers keep a session for 10 to 80 s. */
  recoveryMs: number
  /** Between two attempts; the first comes at once. Codex's figure. */
  recoveryIntervalMs: number
  /** Silence after which a peer is asked for a sign of life. */
  pingIntervalMs: number
  /** How long it may take to give one. Together with the interval well below the recovery's time, so that a session is still there. */
  pingTimeoutMs: number
  /**
   * Calls under way at a time; further ones wait here. Servers from 0.140 to 0.169 fall silent for ever when some 250 are
   * sent at once.
   */
  callsInFlight: number
  /** Calls that wait, beyond which one fails at once: a program that makes more has lost count of them. */
  callsWaiting: number
  /** Events of one process that are kept for those who come late, or are slow. Codex's figures. */
  replayEvents: number
  replayBytes: number
  /**
   * And those that someone who reads has yet to take: what comes in one go by a fast connection is more than the above. From a quarter
   * of it on the connection is held back, where the server cannot hold back the process.
   */
  unreadEvents: number
  unreadBytes: number
  /** How long a process without any is taken to have a reader: whoever starts one reads it at once, or not at all. */
  firstReaderMs: number
  /** How long a connection is held back for a reader that takes nothing. */
  holdMs: number
  /** Output that a process may be ahead of its slowest reader before the server holds it back, where it can. */
  outputWindow: number
  /** Events that came before those which belong in front of them. A server sends them in order, or nearly so. */
  reorderEvents: number
  /** Bytes of output that `output()` gathers, unless it is told another bound: as `child_process` of Node once and more. */
  gatheredOutput: number
  /** Bytes of stdin in one process/write: large enough for full speed, small enough to be held up by nobody. */
  writeChunk: number
  /** Writes of one process under way. The server answers one once it has room for it. */
  writesInFlight: number
  /** One HTTP body that is streamed: pieces that wait for their reader, in number and together. Codex's figures. */
  httpDeltas: number
  httpQueuedTotal: number
  /**
   * Bytes of one that the server may be ahead of its reader, where it can be told: full speed to a devbox some 50 ms away. Many
   * that are read at a time share the bound above, and each gets this at least.
   */
  httpWindow: number
  httpWindowLeast: number
  /** All that wait then: what as many as a server streams at a time may come to, and those that have ended and nobody reads. */
  httpWindowedTotal: number
  /** Bytes of one fs/readBlock and fs/writeBlock. The protocol's figure. */
  fileBlock: number
  /** Blocks that are asked for before the first has come, so that a long way is no slow way. */
  fileBlocksAhead: number
  /** Bytes of a file that go in one fs/writeFile without need for more than one frame. Larger ones go block by block, where the server can. */
  fileInOneFrame: number
  /** And at most: no server takes in a message of more than 64 MiB. The largest file that our server gives in one fs/readFile, too. */
  fileInOneMessage: number
  /** The largest file that `readFile` returns; larger ones are for `readStream`. The reference's figure. */
  readFileBytes: number
  /** What one walk may ask for, and asks for unless told otherwise. The reference's figures. */
  walkDepth: number
  walkDirectories: number
  walkEntries: number
  /** Small pieces of a body that waits for its reader are joined up to that, so that their number says something. */
  httpJoined: number
  /** The body of an HTTP request: it goes whole, in one message. */
  httpRequestBody: number
  /** The largest message that is taken in: as much as any server may send. */
  messageBytes: number
  /** A frame that is sent: servers drop the connection above it. */
  frameBytes: number
  /** Characters of a line of stderr, of servers and of MCP servers: nobody reads on for longer. */
  stderrLine: number
  /** How long a server that was started here has to end by itself once its stdin is closed. */
  stdioGraceMs: number
  /** A message of an MCP server, which comes as a line: what holds images and whole files, and yet no endless one. */
  mcpLineBytes: number
  /** How long it has to end by itself once its stdin has ended, and once it was asked to end. The MCP SDK's figures. */
  mcpEofMs: number
  mcpTermMs: number
  /** How long the devbox may take to tell of its end. */
  mcpKillMs: number
  /** How long a start over HTTP may take, from the first request to the answer to the second. Codex's figure. */
  mcpStartupMs: number
}

const MiB = 1024 * 1024

export const defaultClientLimits: Readonly<ClientLimits> = {
  connectMs: 10_000,
  initializeMs: 10_000,
  recoveryMs: 45_000,
  recoveryIntervalMs: 100,
  pingIntervalMs: 10_000,
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
