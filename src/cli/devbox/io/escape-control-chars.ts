/** Makes untrusted text safe for a terminal: it must not contain escape sequences. */

/** Escapes control and bidirectional characters as in a shell's `$'…'`. */
function escaped(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.codePointAt(0) as number
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** Makes control characters visible: an ESC becomes the four characters `\x1b`. */
export function escapeControlChars(text: string): string {
  return escaped(text)
}

/** Quotes an argument for a shell, if it needs quotes. */
export function quoteForShell(text: string): string {
  if (/^[\p{L}\p{N}_@%+=:,./…-]+$/u.test(text)) return text
  const plain = escaped(text)
  return plain === text ? `'${text.replaceAll("'", `'\\''`)}'` : `$'${escaped(text.replace(/[\\']/g, '\\$&'))}'`
}
