/** Limits of the client commands, in bytes and milliseconds; the library's are in src/client/base/limits.ts. */

const MiB = 1024 * 1024

/** Queued bytes per output: a few writes are enough, since the server's flow control holds the process back. */
export const OUTPUT_ROOM = MiB
/** The same with servers without flow control, which drop output that is not read in time: buffer it here instead. */
export const OUTPUT_ROOM_WITHOUT_WINDOW = 256 * MiB

/** Queued bytes of an HTTP response body, from servers without flow control. There is one response at a time. */
export const HTTP_WAITING = 256 * MiB

/** Bytes read from a local file at a time: the block size of the protocol. */
export const FILE_PIECE = MiB

/** After an exit, if background children are not awaited: output counts as complete after this long without any. */
export const QUIET_MS = 300

/** After a signal that arrives when the command has exited: time to write its last output before we exit as well. */
export const EXIT_GRACE_MS = 600

/** How long a command has to exit by itself once its terminal is gone. */
export const HANGUP_GRACE_MS = 2000

/** What is waited for is said after this long: people begin to wonder. */
export const WAITING_MS = 3000

/** After a second interrupt: how long a devbox has to show that it is there. More than a round trip to anywhere. */
export const LEAVE_ANSWER_MS = 700

/** The same after the terminal is gone, with no user left to wait. */
export const HANGUP_ANSWER_MS = 400

/** How long the end of what runs there is waited for when we leave a devbox that may not answer. The request has been sent. */
export const LEAVE_CLOSE_MS = 100

/** Bytes typed into a terminal that wait for a devbox that does not take them. Beyond it, keys are not read. */
export const KEYS_ROOM = MiB

/** How long to wait for the end of a stdin that may already be closed. */
export const STDIN_END_MS = 30

/** Delay of the warning that the server cannot close stdin: a command that needs no more has exited by then. */
export const STDIN_END_WARNING_MS = 1000

/** How long `kill` waits for the process to close after its grace period. */
export const KILL_MARGIN_MS = 5000

/** How often `cp` tells the agent on the devbox that it is there: several times in the time that the agent waits. */
export const AGENT_ALIVE_MS = 10_000

/** How long an agent may take to remove what is incomplete, which may be a large tree. */
export const AGENT_GRACE_MS = 60_000

/** How long `cp` waits for that. */
export const AGENT_END_MS = 30_000

/** How long after the second signal `cp` still waits for it. */
export const SECOND_SIGNAL_MS = 700

/** How often `cp` begins a file anew, without the agent, that a lost connection has cut. */
export const PLAIN_ATTEMPTS = 10

/** How long a command has to end by itself after SIGTERM, once --timeout is over. */
export const TIMEOUT_GRACE_MS = 2000

/** How long `codex --version` may take: npm's launcher starts a runtime first. */
export const VERSION_MS = 20_000

/** Pauses between attempts to connect again to a devbox whose session could not be resumed: it may have to boot. */
export const DEVBOX_RETRY_MIN_MS = 250
export const DEVBOX_RETRY_MAX_MS = 5000

/** How long a forwarded connection waits for the devbox, which may be gone for now, and for its target. */
export const CONNECT_MS = 30_000

/** How long each look at a devbox may take. */
export const LOOK_MS = 10_000

/** Characters of a server's reason for refusing a preview: a sentence. */
export const PREVIEW_ANSWER = 4096
