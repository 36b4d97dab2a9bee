/** A longer chunk of input is pasted text, in which no key has a meaning for us. */
const MAX_KEYS = 64

/** Whether a chunk of a terminal's input looks typed. */
export const isTyped = (bytes: Uint8Array): boolean => bytes.length <= MAX_KEYS
