/**
 * The limits of what one message may hold. They keep what a message costs below some 20 ms of the event loop, which all
 * clients share. No option changes them.
 */

/** Maximum nesting depth. The reference's decoder stops at 128 levels; real messages use about 8. */
export const MAX_DEPTH = 128

/**
 * Values and names of members of a message; an object counts for {@link OBJECT_WEIGHT}. A process/start with 300
 * variables has some 700, the largest sandbox of a real client 2000.
 */
export const MAX_VALUES = 32_768

/** Making an object takes as long as making so many other values. */
export const OBJECT_WEIGHT = 3

/**
 * Bytes of a message besides one long base64 member, such as the content of a file. By default Linux takes 2 MiB of
 * arguments and variables together, and escapes may double them: what is more would be its own error.
 */
export const MAX_TEXT_BYTES = 4 * 1024 * 1024

/** Bytes of one string or number in it: four times the longest argument that Linux takes. It is made in one go. */
export const MAX_TOKEN_BYTES = 512 * 1024

/** Arguments of a command. A shell that expands `*` in a full directory makes thousands. */
export const MAX_ARGUMENTS = 16_384

/** Environment variables of a command, and of its policy. Devboxes have some hundred. */
export const MAX_VARIABLES = 8192

/** Characters of a path or file URI: each byte of the longest that Linux takes may be written as `%2F`. */
export const MAX_PATH_CHARACTERS = 16_384

/** Entries, and paths of a list, in a sandbox: fifty times more than any real profile has. */
export const MAX_ENTRIES = 2048

/** Characters of these entries or paths together: each is read several times. Real profiles have some 100 KB. */
export const MAX_ENTRY_CHARACTERS = 1024 * 1024

/** Folders with another path at the client: each costs a comparison for every path. People have one or two. */
export const MAX_PATH_MAPPINGS = 64
