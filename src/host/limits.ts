/** The limits of the host; the core's are in core/base/limits.ts. Times are in milliseconds. */
import { availableParallelism } from 'node:os'

/** The limits that the host applies; see {@link defaultHostLimits} for the values. */
export type HostLimits = {
  /**
   * Helper processes for sandboxed file calls, some 45 MB each: that many calls run concurrently, and that many
   * different sandboxes are kept ready.
   */
  helperCount: number
  /**
   * Of these, calls of one connection: the others always find one, whatever a client does. Not more than there are cores:
   * each helper takes one while it starts.
   */
  helpersPerCaller: number
  /**
   * Helpers that start at a time. Each takes a core for a tenth of a second, and the server and its clients need one, too.
   */
  helpersStarting: number
  /** How long a start keeps others waiting: five times what it takes. It may hang on a mount that does not answer. */
  helperStartMs: number
  /**
   * How long a call may go without progress before another helper may start in its place. A disk answers within
   * milliseconds, a network file system within a second.
   */
  helperSlowMs: number
  /** Calls in that state at a time: bounds the memory of their helpers. */
  helpersAside: number
  /**
   * How long a call may go without progress before its helper is killed: a disk that has to spin up, or a network file
   * system that changes servers, takes some 10 s. A multiple of `helperSlowMs`.
   */
  helperStallMs: number
  /** Killed helpers that have not exited. They hang in the kernel, and each keeps its memory. */
  helpersDying: number
  /** How long an idle helper is kept: an agent's next patch comes within that time, or much later. */
  helperIdleMs: number
  /** How long an idle helper is left to the connection that used it last: its next call comes within a second. */
  helperOwnedMs: number
}

/** The limits unless the embedder sets others; no option changes them. */
export const defaultHostLimits: Readonly<HostLimits> = {
  helperCount: 4,
  helpersPerCaller: Math.min(3, Math.max(2, availableParallelism())),
  helpersStarting: Math.max(1, Math.floor(availableParallelism() / 2)),
  helperStartMs: 500,
  helperSlowMs: 2000,
  helpersAside: 8,
  helperStallMs: 30_000,
  helpersDying: 16,
  helperIdleMs: 20_000,
  helperOwnedMs: 1000,
}

/** Timeout of the probe of one bubblewrap, in which a complete sandbox runs. */
export const PROBE_MS = 10_000

/** How long a failed probe is cached: a mended bubblewrap is used without restarting the server. */
export const FAILED_PROBE_MS = 10_000

/** Resolved sandbox profiles that are kept, and the largest of them, in characters of its JSON text. */
export const KEPT_POLICIES = 16
export const KEPT_POLICY_CHARACTERS = 16 * 1024

/** A helper with more mounts than this is not kept: it would hold as many files open. */
export const MAX_HELPER_MOUNTS = 64

/**
 * A file up to this size is read by a helper at once, in bytes: it may wait for room in its client's memory. For a larger
 * one the room comes first.
 */
export const HELPER_SMALL_FILE_BYTES = 64 * 1024

/**
 * Directories and files that are held open while a sandbox with them is set up. More are mounted by path, and verified
 * all the same: holding thousands would take the descriptors of other calls.
 */
export const MAX_HELD_SOURCES = 64

/**
 * Times that a sandbox is planned again because its mounts are not as planned. Even a command that swaps a directory
 * all the time wins so many races in a row only rarely, and each costs about as much as starting a command.
 */
export const SANDBOX_TRIES = 6

/** How long bubblewrap may take to set up a sandbox, before that is refused: it takes milliseconds on an idle machine. */
export const SANDBOX_SETUP_MS = 30_000

/** Characters of a failed helper's stderr in the error message. */
export const HELPER_STDERR_CHARACTERS = 2000

/** Size of a `.git` pointer file, in bytes: it holds a single path. */
export const MAX_GIT_POINTER_BYTES = 16 * 1024

/** Matches of deny globs: each becomes a mount, and a sandbox with more would take seconds to set up. */
export const MAX_GLOB_MATCHES = 2048

/** Directory entries that deny globs visit: above it the request is refused rather than answered late. */
export const MAX_GLOB_ENTRIES = 500_000

/** Comparisons that matching the entries may take: a pattern of many stars takes a thousand for one name. About 5 s. */
export const MAX_GLOB_STEPS = 500_000_000

/** Comparisons between two turns of the event loop: some 10 ms, so that other clients hardly notice. */
export const GLOB_SLICE_STEPS = 1_000_000

/** What one entry costs beside matching, in comparisons. */
export const ENTRY_STEPS = 100

/** How long an idle HTTP connection is kept: less than servers do, so that a reused one was not just closed. */
export const HTTP_IDLE_MS = 4000

/** Idle HTTP connections per server. */
export const HTTP_IDLE_SOCKETS = 8

/** Size of HTTP response headers, in bytes: somewhat more than the reference takes. The runtime would allow 16 KiB. */
export const HTTP_HEADER_BYTES = 512 * 1024

/**
 * Bytes of an incomplete line of a response's head that wait for the rest: status lines and content-lengths are shorter,
 * and others are passed on as they come.
 */
export const HTTP_HELD_LINE_BYTES = 256

/** Piece of a decoded HTTP body, in bytes: as much as a socket gives at a time. Each body being decoded holds one. */
export const HTTP_DECODED_CHUNK_BYTES = 64 * 1024

/** Window of a zstd body, as a power of two: 8 MiB, the most that servers may use (RFC 9659). A decoder allocates it. */
export const HTTP_ZSTD_WINDOW_LOG = 23

/** HTTP requests of all connections that may be answered in zstd at a time: their windows take at most 256 MiB. */
export const HTTP_ZSTD_BODIES = 32

/** Silence on a network connection after which its peer is asked for a sign of life: it may have vanished. */
export const NET_KEEPALIVE_MS = 60_000

/** Time between turns of the event loop while processes are searched for those that listen, in ms. */
export const PORT_SCAN_SLICE_MS = 2

/** Entries of a directory read in one go. Handing them on takes a millisecond. */
export const LISTED_AT_ONCE = 1024

/** Message bytes between collections. A collection takes 1 to 2 ms, as long as this many bytes take to send. */
export const COLLECT_AFTER_BYTES = 8 * 1024 * 1024

/**
 * Freed memory that the C library keeps while there is traffic: as much as some floods of output have in flight. A new
 * page costs more than what is copied into it.
 */
export const FREED_MEMORY_BYTES = 64 * 1024 * 1024

/** Largest buffer that is taken from freed memory: the most that glibc allows. */
export const REUSED_BLOCK_BYTES = 32 * 1024 * 1024

/** Idle time before memory is trimmed: trimming takes some milliseconds. */
export const TRIM_AFTER_MS = 500

/** The heap is made small again when there was no message for so many ticks. The next request then takes 5 ms more. */
export const SETTLE_TICK_MS = 2000
export const SETTLE_AFTER_TICKS = 3

/** Largest heap in use that is collected then, in bytes: a larger one would stand still for more than 0.2 s. */
export const SETTLED_HEAP_BYTES = 48 * 1024 * 1024

/** Bytes of a file that a copy reads at a time: enough to amortize the call, few enough to wait in queues. */
export const COPY_BLOCK_BYTES = 256 * 1024

/** Files up to this size are read and written with synchronous calls, which are several times faster for them. */
export const COPY_SMALL_BYTES = 256 * 1024

/** Files up to this size are one message of a copy: it fits into a batch of messages, with its name. */
export const COPY_INLINE_BYTES = 64 * 1024

/** Bytes of a copy that wait to be written, to a file or a pipe, while others are received or read. */
export const COPY_UNWRITTEN_BYTES = 1024 * 1024

/**
 * What a copy reads ahead while the other end starts, in bytes, with COPY_AHEAD_OVERHEAD for each file or folder: as much
 * as is read in the time that a start takes.
 */
export const COPY_AHEAD_BYTES = 4 * 1024 * 1024
export const COPY_AHEAD_OVERHEAD = 512

/** Files and folders that are read ahead between two turns of the event loop: a millisecond or two. */
export const COPY_AHEAD_STEPS = 32

/** Files that are written under temporary names before they are synced together and renamed; each is held open. */
export const COPY_PENDING_FILES = 128

/** Bytes of these files: what an interruption can cost. */
export const COPY_PENDING_BYTES = 64 * 1024 * 1024

/** Written bytes after which their way to the disk begins, so that the sync at the end is short. */
export const COPY_WRITEBACK_BYTES = 8 * 1024 * 1024

/** Files from this size on are synced as they end, without blocking; the file system's sync then has little left. */
export const COPY_SYNC_BYTES = 4 * 1024 * 1024

/**
 * How long a copy agent waits for the client: longer than clients try to reconnect (45 s), shorter than a session lives
 * without one (80 s), so that the agent removes what is incomplete before it is killed.
 */
export const COPY_IDLE_MS = 60_000

/** How long a copy on the devbox goes on before it looks for signals: hardly noticeable. */
export const COPY_TURN_MS = 20

/** Interval of progress messages. */
export const COPY_PROGRESS_MS = 200

/** Size of a program that is verified, in bytes: several times that of ripgrep. */
export const MAX_PROGRAM_BYTES = 64 * 1024 * 1024

/** Age of a partly unpacked program that another server has left behind: unpacking takes milliseconds. */
export const STALE_UNPACK_MS = 60_000
