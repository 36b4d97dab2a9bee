/** Cuts text, and says how much is missing. */

/** At most `max` characters: the first and the last ones, with the number of those between them. */
export function cutMiddle(text: string, max: number): string {
  if (text.length <= max) return text
  const half = Math.floor(max / 2)
  const first = text.slice(0, safeEnd(text, half))
  const last = text.slice(safeEnd(text, text.length - half))
  return `${first}\n[… ${text.length - first.length - last.length} characters omitted …]\n${last}`
}

/** A line of at most `max` characters. */
export function cutLine(line: string, max: number): string {
  if (line.length <= max) return line
  const end = safeEnd(line, max)
  return `${line.slice(0, end)} [… ${line.length - end} characters omitted]`
}

/** Does not cut a surrogate pair. */
function safeEnd(text: string, end: number): number {
  const code = text.charCodeAt(end)
  return code >= 0xdc00 && code <= 0xdfff ? end - 1 : end
}
