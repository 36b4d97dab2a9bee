/** The command line's own bounds, with their reasons; the library's are in ../limits.ts. Bytes and milliseconds. */

const MiB = 1024 * 1024

/** Output that waits for each of our readers: a few writes, as the server holds the process back. */
export const OUTPUT_ROOM = MiB
/** And from servers that hold nothing back, and drop what is not taken in time: it is better kept here. */
export const OUTPUT_ROOM_WITHOUT_WINDOW = 256 * MiB

/** Body of an HTTP answer that waits for our reader, from servers that cannot be told to wait: there is but one here. */
export const HTTP_WAITING = 256 * MiB

/** One piece of a local file: as large as a block of the protocol. */
export const FILE_PIECE = MiB

/** How long the last output of a command may take to come after its exit, where what it has left behind is not waited for. */
export const QUIET_MS = 300

/** After a signal for a command that has exited already: how long our readers may take for its last output. */
export const DYING_MS = 600

/** How long a command has to end by itself once its terminal is gone. */
export const HANGUP_GRACE_MS = 2000

/** How long an end of stdin may take to show where whoever had the other end has left already. */
export const STDIN_END_MS = 30

/** Before it is said that a server cannot be told of the end of stdin: what does not wait for more has ended by then. */
export const TELL_OF_END_MS = 1000

/** After the grace of `kill`: how long the end may take to show. */
export const KILL_MARGIN_MS = 5000
