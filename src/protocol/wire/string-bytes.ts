/** Length in bytes of the JSON text of a string, without making it. */
export function stringBytes(text: string): number {
  let bytes = 2 + text.length
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x20) bytes += SHORT_ESCAPES.includes(unit) ? 1 : 5
    else if (unit === QUOTE || unit === BACKSLASH) bytes++
    else if (unit >= 0x800) bytes += surrogateBytes(text, at) ?? 2
    else if (unit >= 0x80) bytes++
  }
  return bytes
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** \b \t \n \f \r */
const SHORT_ESCAPES = [8, 9, 10, 12, 13]

/** Bytes besides the unit itself: half of a pair has 2 of its 4 bytes, a lone surrogate is escaped. */
function surrogateBytes(text: string, at: number): number | undefined {
  const unit = text.charCodeAt(at)
  if (unit < 0xd800 || unit > 0xdfff) return undefined
  const isFirst = unit < 0xdc00
  const other = text.charCodeAt(isFirst ? at + 1 : at - 1)
  return (isFirst ? other >= 0xdc00 && other <= 0xdfff : other >= 0xd800 && other < 0xdc00) ? 1 : 5
}

/** Escapes all non-ASCII characters of JSON text. */
export function asciiJson(json: string): string {
  return json.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
