/** The headers with which a program receives a request: as from a browser on its own machine. */
import { withoutOurs } from './cookie.ts'
import { HOP_BY_HOP, eachHeader, namedByConnection } from './raw-headers.ts'
import type { Place } from './place.ts'

/** Headers that are for a proxy, or that the server sets itself. */
const NOT_PASSED = new Set([
  ...HOP_BY_HOP,
  'content-length',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
])

/** What a page below a path has none of: its origin is opaque, cookies there are the server's, and so is a bearer token. */
const NOT_PASSED_BELOW_PATH = new Set(['authorization', 'cookie', 'sec-fetch-site'])

/** The host of a program, as it knows itself. */
export const ownAuthority = ({ port }: Pick<Place, 'port'>): string => `localhost:${port}`

/** The headers to pass on, but those that frame the body. Names and values alternate. */
export function requestHeaders(rawHeaders: readonly string[], place: Place): string[] {
  const hopByHop = namedByConnection(rawHeaders)
  const headers = ['Host', ownAuthority(place)]
  for (const [name, value] of eachHeader(rawHeaders)) {
    const key = name.toLowerCase()
    if (NOT_PASSED.has(key) || hopByHop.has(key)) continue
    if (place.kind === 'path' && NOT_PASSED_BELOW_PATH.has(key)) continue
    const passed = rewritten(key, value, place)
    if (passed !== undefined) headers.push(name, passed)
  }
  return headers
}

function rewritten(key: string, value: string, place: Place): string | undefined {
  if (key === 'origin') return `http://${ownAuthority(place)}`
  if (key === 'referer') return ownReferer(value, place)
  return key === 'cookie' ? withoutOurs(value) : value
}

/** The page as the program knows it. The token in the path is not passed on, nor are pages of others. */
function ownReferer(value: string, { authority, prefix, ...place }: Place): string | undefined {
  if (!URL.canParse(value)) return undefined
  const { host, pathname, search } = new URL(value)
  if (host !== authority || !`${pathname}/`.startsWith(`${prefix}/`)) return undefined
  return `http://${ownAuthority(place)}${pathname.slice(prefix.length) || '/'}${search}`
}

/** How long the body is, as the parser has found it: only one of both is ever there. */
export function bodyFraming({
  'content-length': length,
  'transfer-encoding': encoding,
}: {
  'content-length'?: string | undefined
  'transfer-encoding'?: string | undefined
}): string[] {
  if (encoding !== undefined) return ['Transfer-Encoding', 'chunked']
  return length === undefined ? [] : ['Content-Length', length]
}
