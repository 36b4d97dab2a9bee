/**
 * Characters that act on whatever displays them: control characters, line separators, and those that turn the direction
 * of text. Text of others is escaped wherever it goes to a terminal, a log or a metric.
 */
const ACTIVE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

/** Makes such characters visible, as in a shell's `$'…'`: an ESC becomes the four characters `\x1b`. */
export function escapeControlChars(text: string): string {
  return text.replace(ACTIVE, (character) => {
    const code = character.charCodeAt(0)
    return code < 0x100 ? `\\x${hex(code, 2)}` : unicodeEscape(character)
  })
}

/** The same for JSON without white space outside of strings, which remains JSON with the same value. */
export function escapeInJson(json: string): string {
  return json.replace(ACTIVE, unicodeEscape)
}

const unicodeEscape = (character: string): string => `\\u${hex(character.charCodeAt(0), 4)}`

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0')
