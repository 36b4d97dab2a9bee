/**
 * The long base64 member of a message, such as a block of a file, is decoded from the bytes as they came: as a string
 * it would be copied three times on its way, into memory that the runtime is slow to give back.
 */

/** What stands in the place of the string. */
export class Base64Text {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** Shorter strings are read like any other. */
export const LONG_BYTES = 64 * 1024

/** Decoded at a time; whole groups of four characters. */
const PIECE_BYTES = 64 * 1024

const QUOTE = 0x22

/** The members that carry bytes, at the end of what stands before their value. */
const MEMBER = /"(chunk|dataBase64|bodyBase64)"[ \t\r\n]*:[ \t\r\n]*$/
const MEMBER_BYTES = 64

export type LongMember = {
  name: string
  /** Of the opening and of the closing quote. */
  start: number
  end: number
  value: Base64Text
}

/**
 * Finds such a member, wherever in the message it stands. Undefined if there is none, or it is not standard, padded
 * base64: then the message is for the reader of all messages, which knows what to say.
 */
export function findLongMember(message: Uint8Array): LongMember | undefined {
  for (let start = message.indexOf(QUOTE); start >= 0; ) {
    const end = message.indexOf(QUOTE, start + 1)
    if (end < 0) return undefined
    if (end - start > LONG_BYTES) {
      // A backslash is no base64, so what is decoded is all of a string, and has no escapes.
      const name = MEMBER.exec(latin1(message.subarray(Math.max(0, start - MEMBER_BYTES), start)))?.[1]
      const bytes = name === undefined ? undefined : decode(message.subarray(start + 1, end))
      return name === undefined || bytes === undefined ? undefined : { name, start, end, value: new Base64Text(bytes) }
    }
    start = end
  }
  return undefined
}

/** Of ASCII; anything else comes out as something that is not looked for. */
const decoder = new TextDecoder('latin1')
const latin1 = (bytes: Uint8Array): string => decoder.decode(bytes)

function decode(text: Uint8Array): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined
  const padding = text[text.length - 2] === 0x3d ? 2 : text[text.length - 1] === 0x3d ? 1 : 0
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  try {
    for (let [from, to] = [0, 0]; from < text.length; from += PIECE_BYTES) {
      const piece = text.subarray(from, from + PIECE_BYTES)
      const { written } = bytes.subarray(to).setFromBase64(latin1(piece), { lastChunkHandling: 'strict' })
      to += written
      // White space is passed over by the decoder, and padding may only be at the very end.
      if (written !== (piece.length / 4) * 3 && (from + piece.length < text.length || to !== bytes.length))
        return undefined
    }
  } catch {
    return undefined
  }
  return bytes
}
