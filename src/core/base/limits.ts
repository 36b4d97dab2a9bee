/**
 * Every limit of the core, with its reason; those of what a message holds are in protocol/limits.ts, of the transports
 * in server/limits.ts, of the host in host/limits.ts. Sizes are in bytes, times in milliseconds.
 */
import { defaultNetLimits } from './net-limits.ts'
import type { NetLimits } from './net-limits.ts'

/** The limits that the core applies; see {@link defaultLimits} for the values. */
export type Limits = NetLimits & {
  /** Sessions, including detached ones. Usually one per connection. */
  sessions: number
  /** Processes of one session that have not closed, including those starting. Each takes a few descriptors here. */
  processes: number
  /** Those of all sessions together. Four sessions at their limit; it takes some 16,000 descriptors. */
  totalProcesses: number
  /**
   * Closed processes of one session that are retained for reading. Without output each takes some 12 KiB. With
   * `retainEndedMs` this allows 100 starts a second, more than any client makes.
   */
  endedProcesses: number
  /**
   * Requests of one connection that may wait indefinitely, for output or for an HTTP peer. Further ones are refused, so
   * that a terminate behind them is always read.
   */
  waitingRequests: number
  /** Size of their messages together: two of the largest. */
  waitingBytes: number
  /**
   * Running requests of one connection that finish by themselves, above which it is not read. Enough to keep any disk
   * busy; a longer burst is only slowed down.
   */
  runningRequests: number
  /** Time that running work has to finish on a graceful shutdown. None by default. */
  drainMs: number
  /**
   * While draining, how long the server must be idle before it stops: a client that polls process/read returns for its
   * last response.
   */
  drainQuietMs: number
  /** One message, of any number of frames, or one stdio line. All clients and the reference have this limit. */
  messageBytes: number
  /** One message before `initialize`, whose own has some 200 bytes: no peer may send more before it is known. */
  firstMessageBytes: number
  /**
   * Retained output of one process. Defined by the protocol: a reconnecting client recovers by reading this much back.
   */
  retainedPerProcess: number
  /**
   * Share of that, for each stream, that is retained beyond it of the stream's beginning, and of its end where another
   * stream has displaced it: pages of a log, while a process that floods costs an eighth more.
   */
  retainedEdge: number
  /**
   * Retained chunks of one process. Newer clients decode at most about 256,000 JSON values in a response, 5 per chunk.
   */
  chunksPerProcess: number
  /** Retained output of all processes together. That of ended processes is dropped first. */
  retainedTotal: number
  /** Snapshots of login shells in one session, the least recently used goes first. Same as the reference. */
  shellSnapshots: number
  /** State and variables of one snapshot: they are passed in the environment, of which Linux takes 2 MiB. */
  shellSnapshotBytes: number
  /** Snapshots of all sessions together. Beyond that, login shells run as they are. */
  shellSnapshotsTotal: number
  /** Characters of what a snapshot is found by, the sandbox included: twice the largest profile of a real client. */
  shellSnapshotKey: number
  /** What the startup files and the capture may print. */
  shellSnapshotOutput: number
  /** How long a capture may take. Same as the reference. */
  shellSnapshotMs: number
  /** How often a capture that fails is made, and how long after the last one. Same as the reference. */
  shellSnapshotTries: number
  shellSnapshotRetryMs: number
  /**
   * Terminal emulators at a time. A terminal has none until its screen is asked for, or its output fills half of what
   * is retained and is slow enough to be drawn. Each takes some 100 KiB at 24 by 80.
   */
  screens: number
  /** Cells of a terminal with a screen: larger than any display, at 24 bytes each 3 MiB. */
  screenCells: number
  /** Sizes that are remembered until the output of that time is drawn: a window dragged for a minute. */
  screenResizes: number
  /** Bytes drawn without a pause: two milliseconds. */
  screenSlice: number
  /** Pause between slices: drawing takes a third of the time at most. */
  screenPauseMs: number
  /** How long a terminal that floods is left alone once it has dropped output that its emulator has not drawn. */
  screenRestMs: number
  /** Default and maximum of `maxBytes` of process/snapshot and process/logs: their base64 must fit a message. */
  snapshotBytes: number
  snapshotMaxBytes: number
  /** Memory overhead of one retained chunk, so that a million tiny chunks are accounted for. */
  chunkOverhead: number
  /**
   * Output in one process/output. Large enough to make the framing negligible, far below the 1 MiB at which newer
   * clients abandon a process.
   */
  chunkBytes: number
  /**
   * Unsent output of one process above which its pipe or terminal is no longer read: a few chunks, so that a child
   * never idles with a fast client.
   */
  unsentPerProcess: number
  /** Unsent chunks of any size, likewise. Well below the number of retained chunks, so that none is dropped unsent. */
  unsentChunks: number
  /**
   * Unacknowledged chunks, of any size, of a process with an output window. Well below what a client can decode in one
   * response, and far above the roughly one hundred after which clients acknowledge.
   */
  unacknowledgedChunks: number
  /** Bytes queued in a connection above which output waits, so that responses never queue behind more than this. */
  outboundOutput: number
  /**
   * Bytes queued in a connection above which its requests are no longer read. Larger than one largest response, so that
   * a client may pipeline thousands of requests before it reads, but one that never reads is stopped.
   */
  outboundTotal: number
  /** Stdin bytes queued for a child that does not read, before responses to process/write are held back. */
  stdinQueue: number
  /** Queued writes of any size, likewise: each is an object of its own. */
  stdinWrites: number
  /**
   * Stdin queued and held back for all processes of a session together, above which process/write is refused: one
   * largest message.
   */
  stdinTotal: number
  /** Memory overhead of a held write: its promises, its write id, its queue entry. */
  heldWriteOverhead: number
  /** Accepted write ids remembered per process. Same as the reference; clients retry the last few. */
  writeIds: number
  /** How long a process stays readable after `closed`. Same as the newest reference; clients recover within 45 s. */
  retainEndedMs: number
  /** Ended detached runs, and how long they are kept: a week of builds. */
  endedRuns: number
  endedRunMs: number
  /** Changes of runs that wait for a subscriber that does not read: each has up to some 2 KiB. */
  runChanges: number
  /** Processes in one response to process/list: with the longest names shown it still fits a message. */
  listedProcesses: number
  /** How long a detached session waits for its client. Same value and reason as `retainEndedMs`. */
  sessionTtlMs: number
  /**
   * Longest grace between SIGTERM and SIGKILL that process/terminate accepts: as long as a session waits for its
   * client.
   */
  graceMs: number
  /** After terminate and exit: how long a stream that a stray descendant still holds must be silent to be abandoned. */
  strayQuietMs: number
  /** Longest time that such a stream is read. */
  strayTotalMs: number
  /** Open files of one connection. Same as the reference. */
  fileHandles: number
  /** Bytes of one fs/readBlock or fs/writeBlock. Defined by the protocol. */
  fileBlock: number
  /** The largest file that fs/readFile returns: its base64 must fit a message. */
  readFileBytes: number
  /** Largest options of one fs/walk. Same as the reference. */
  walkDepth: number
  walkDirectories: number
  walkEntries: number
  /** Paths in one fs/watchMissing. Same as the reference. */
  watchedPaths: number
  /** Roots in one capabilityRoots/discoverV1, and how far each is searched. Same as the reference. */
  capabilityRoots: number
  capabilityDepth: number
  capabilityDirectories: number
  capabilityEntries: number
  /** One file of a plugin or skill, and all files of one root. Same as the reference. */
  capabilityFileBytes: number
  capabilityRootBytes: number
  /** All files of one response, as JSON: together with the warnings it must fit a message. */
  capabilityAnswerBytes: number
  /** All warnings of one response: tens of thousands, more than anyone reads. */
  capabilityWarningBytes: number
  /**
   * Plugins and folders of skills of one capabilities/discoverV2, plugins and skills in its answer, the bytes of these as
   * JSON, and its warnings. Same as the reference.
   */
  inventoryPlaces: number
  inventoryEntries: number
  inventoryAnswerBytes: number
  inventoryWarnings: number
  /** One file of Codex's configuration. Real ones have a few KiB; each is read, parsed and formatted synchronously. */
  configFile: number
  /** Active HTTP requests of one connection, including streamed bodies. Each may hold some 128 KiB and a socket. */
  httpRequests: number
  /** Bytes of a streamed body in one http/request/bodyDelta: half of what the newest clients accept. */
  httpDelta: number
  /**
   * Unacknowledged deltas, of any size, of a body with a window: the client has to keep each, the server its length.
   * Far above the roughly one hundred after which clients acknowledge.
   */
  httpUnacknowledged: number
  /** The largest body that a request without streamResponse returns: its base64 must fit a message. */
  httpBuffered: number
  /** Such bodies that one connection buffers at a time, small ones not counted: two of the largest. */
  httpBufferedTotal: number
  /** Redirects followed in one request. Same as the reference. */
  httpRedirects: number
  /**
   * How long a request without streamResponse may continue while its connection is closing: time for a quick response.
   */
  httpClosingMs: number
}

const MiB = 1024 * 1024

/** Bytes of the longest message that a transport writes down at once, and so of one with a chunk of output. */
export const WRITTEN_AT_ONCE_BYTES = 128 * 1024

/**
 * Memory of messages and files that is kept for the next ones while there is traffic: two of the largest messages, as
 * many as one connection may have waiting.
 */
export const MAX_KEPT_BYTES = 128 * MiB

/** The limits unless options override them. */
export const defaultLimits: Readonly<Limits> = {
  sessions: 1024,
  processes: 1024,
  totalProcesses: 4096,
  endedProcesses: 8192,
  waitingRequests: 4096,
  waitingBytes: 128 * MiB,
  runningRequests: 1024,
  drainMs: 0,
  drainQuietMs: 500,
  messageBytes: 64 * MiB,
  firstMessageBytes: 64 * 1024,
  retainedPerProcess: MiB,
  retainedEdge: 1 / 8,
  chunksPerProcess: 50_000,
  retainedTotal: 256 * MiB,
  shellSnapshots: 16,
  shellSnapshotBytes: MiB,
  shellSnapshotsTotal: 64 * MiB,
  shellSnapshotKey: 256 * 1024,
  shellSnapshotOutput: 4 * MiB,
  shellSnapshotMs: 10_000,
  shellSnapshotTries: 3,
  shellSnapshotRetryMs: 1000,
  screens: 64,
  screenCells: 131_072,
  screenResizes: 256,
  screenSlice: 64 * 1024,
  screenPauseMs: 5,
  screenRestMs: 1000,
  snapshotBytes: MiB,
  snapshotMaxBytes: 8 * MiB,
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
  endedRuns: 1000,
  endedRunMs: 7 * 86_400_000,
  runChanges: 1024,
  listedProcesses: 4096,
  sessionTtlMs: 80_000,
  graceMs: 80_000,
  strayQuietMs: 100,
  strayTotalMs: 1000,
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
  inventoryPlaces: 512,
  inventoryEntries: 2048,
  inventoryAnswerBytes: 4 * MiB,
  inventoryWarnings: 64,
  configFile: MiB,
  httpRequests: 512,
  httpDelta: 512 * 1024,
  httpUnacknowledged: 1024,
  httpBuffered: 47 * MiB,
  httpBufferedTotal: 94 * MiB,
  httpRedirects: 10,
  httpClosingMs: 5000,
  ...defaultNetLimits,
}
