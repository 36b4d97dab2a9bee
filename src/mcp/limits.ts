/** Limits of the MCP server, with the reason for each. Sizes in bytes unless noted, times in ms. */

const KiB = 1024
const MiB = 1024 * KiB

/** Output in one answer by default: some 7,500 tokens, which leaves room in a model's context. */
export const ANSWER_BYTES = 30_000
/** The most that a call may ask for: an answer stays far below the 10 MiB that SDK clients read in one message. */
export const MAX_ANSWER_BYTES = 256 * KiB

/** The first bytes of a run's output, kept for good: what a command prints first often says what went wrong. */
export const KEPT_HEAD = 64 * KiB
/** The last bytes of a run's output. With the head and `MAX_RUNS` this bounds memory at some 68 MiB. */
export const KEPT_TAIL = MiB
/** Runs kept, going or finished. Finished ones make room for new ones, the oldest first. */
export const MAX_RUNS = 64

/** Tool calls at once: half of the client library's calls in flight, as some tools make several. */
export const MAX_CALLS = 64

/** How long `exec` waits by default: most commands end sooner, and clients give up after 60 s. */
export const YIELD_MS = 10_000
/** The longest wait of one call. */
export const MAX_YIELD_MS = 600_000
/** Longest time limit of a command: a day. */
export const MAX_TIMEOUT_MS = 86_400_000
/** After the exit of a command: how long to wait for output of children that it left behind. */
export const DRAIN_MS = 500
/** Between SIGTERM and SIGKILL. */
export const KILL_GRACE_MS = 2000
/** How long `kill` waits for the end after that. */
export const KILL_MARGIN_MS = 5000
/** Between two progress notifications. */
export const PROGRESS_MS = 1000

/** Lines of `read_file` by default, as other coding agents have it. */
export const READ_LINES = 2000
/** Characters of one line; the rest is cut with a count. */
export const LINE_CHARS = 2000
/** How far `read_file` looks for a line: some seconds of reading. */
export const READ_SCAN = 64 * MiB
/** Largest image: model providers accept no more. */
export const IMAGE_BYTES = 5 * MiB
/** Largest file that is edited or patched: it is held in memory several times. */
export const EDIT_BYTES = 10 * MiB
/** Characters of a diff in an answer. */
export const DIFF_CHARS = 20_000
/** Edits in one call, and files in one patch. */
export const MAX_EDITS = 100
/** Lines that are compared to find where the hunks of a file's patch fit: some 200 ms. */
export const PATCH_STEPS = 2 ** 24

/** Entries of one listing. */
export const LIST_ENTRIES = 1000
/** Comparisons of characters for one `glob`: some 200 ms. 32,768 paths of 60 characters take 2 million. */
export const GLOB_STEPS = 2 ** 24
/** Output of a search that is counted; then it is ended. */
export const GREP_SCAN = 64 * MiB
/** Lines of a search by default. */
export const GREP_LINES = 200

/** Time limit of `fetch` by default. */
export const FETCH_MS = 30_000

/** Largest file that is read as a resource: in base64 it stays below the 10 MiB of SDK clients. */
export const RESOURCE_BYTES = 5 * MiB
/** Resources that one client follows. */
export const MAX_SUBSCRIPTIONS = 64
/** How often they are looked at: a person hardly notices a second, and a call takes a tenth of a millisecond. */
export const SUBSCRIPTION_POLL_MS = 1000
/** Roots of a client that are taken; a project has a few. */
export const MAX_ROOTS = 64

/** Largest message from the client: a file of `EDIT_BYTES` in JSON or base64, with room for escapes. */
export const MAX_MESSAGE = 32 * MiB

// ---- over HTTP, in the process that serves all clients --------------------------------------------------------------

/** Clients over HTTP at a time, beyond which the one that was idle for the longest time is ended. */
export const HTTP_SESSIONS = 64
/** How long a client over HTTP may be away without a request: clients that go say so seldom. */
export const SESSION_IDLE_MS = 1_800_000
/** After how long a client comes back to a lost stream. */
export const RETRY_MS = 1000
/** One message over HTTP: a file of `EDIT_BYTES` in base64. */
export const MAX_HTTP_MESSAGE = 16 * MiB
/** Values of such a message: parsed in some 10 ms. A patch of 100 files has some 300. */
export const MAX_HTTP_VALUES = 32_768
/** Events kept for a client that comes back to a lost stream: the answers of some minutes. */
export const EVENT_LOG_BYTES = 2 * MiB
/** What an event takes besides its text. */
export const EVENT_OVERHEAD = 256
