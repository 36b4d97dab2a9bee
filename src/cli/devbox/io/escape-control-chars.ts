/** Text of others for a terminal: what they wrote must not move its cursor. */

/** Control characters as a shell's `$'…'` has them. */
function escaped(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.codePointAt(0) as number
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

export function plainText(text: string): string {
  return escaped(text)
}

/** An argument as it would be given to a shell. */
export function shellWord(text: string): string {
  if (/^[\p{L}\p{N}_@%+=:,./…-]+$/u.test(text)) return text
  const plain = escaped(text)
  return plain === text ? `'${text.replaceAll("'", `'\\''`)}'` : `$'${escaped(text.replace(/[\\']/g, '\\$&'))}'`
}
