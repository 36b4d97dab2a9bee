/** White space as Unicode has it, and with it the reference: JavaScript's own `trim` knows U+FEFF for it, and not U+0085. */
const AROUND = /^\p{White_Space}+|\p{White_Space}+$/gu

export const trimmed = (text: string): string => text.replace(AROUND, '')
