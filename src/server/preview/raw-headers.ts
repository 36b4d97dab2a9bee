/** Headers as they came: names and values alternate, in the spelling and the number of the sender. */

/** Headers that are about one connection (RFC 9110, section 7.6.1), and what older programs use as such. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

export function* eachHeader(rawHeaders: readonly string[]): Generator<[name: string, value: string]> {
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) yield [rawHeaders[at] as string, rawHeaders[at + 1] as string]
}

/** Headers that the Connection header declares to be about this connection, in lower case. */
export function namedByConnection(rawHeaders: readonly string[]): Set<string> {
  const names = new Set<string>()
  for (const [name, value] of eachHeader(rawHeaders)) {
    if (name.toLowerCase() !== 'connection') continue
    for (const option of value.split(',')) names.add(option.trim().toLowerCase())
  }
  return names
}
