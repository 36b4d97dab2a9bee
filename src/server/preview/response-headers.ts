/** The headers with which a browser receives an answer: they keep the preview where it is, and within its bounds. */
import { ownSetCookie } from './cookie.ts'
import type { Place } from './place.ts'
import { HOP_BY_HOP, eachHeader, namedByConnection } from './raw-headers.ts'
import { ownAuthority } from './request-headers.ts'

/** What would hold for the server's whole host: its ports, its TLS. */
const NOT_PASSED = new Set([...HOP_BY_HOP, 'alt-svc', 'strict-transport-security', 'public-key-pins'])

/** What would hold for the server's own origin, or what the server says itself. */
const NOT_PASSED_BELOW_PATH = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'clear-site-data',
  'cross-origin-embedder-policy',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'referrer-policy',
  'service-worker-allowed',
  'set-cookie',
])

/**
 * A sandbox without `allow-same-origin`: pages below a path have an opaque origin, not the server's. Windows that they open
 * are sandboxed, too.
 */
const SANDBOX =
  'sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads allow-pointer-lock allow-presentation'

/**
 * To a page with an opaque origin even its own files are another origin's. Without the token in the path no client gets
 * here. The path must not be seen by others.
 */
export const BELOW_PATH: readonly string[] = [
  'Content-Security-Policy',
  SANDBOX,
  'Access-Control-Allow-Origin',
  'null',
  'Access-Control-Expose-Headers',
  '*',
  'Referrer-Policy',
  'no-referrer',
]

/** The headers to pass on. Names and values alternate. */
export function responseHeaders(rawHeaders: readonly string[], place: Place): string[] {
  const hopByHop = namedByConnection(rawHeaders)
  const headers: string[] = []
  const isChunked = [...eachHeader(rawHeaders)].some(([name]) => name.toLowerCase() === 'transfer-encoding')
  for (const [name, value] of eachHeader(rawHeaders)) {
    const key = name.toLowerCase()
    if (NOT_PASSED.has(key) || hopByHop.has(key)) continue
    if (key === 'content-length' && isChunked) continue
    if (place.kind === 'path' && NOT_PASSED_BELOW_PATH.has(key)) continue
    const passed = rewritten(key, value, place)
    if (passed !== undefined) headers.push(name, passed)
  }
  return place.kind === 'path' ? [...headers, ...BELOW_PATH] : headers
}

function rewritten(key: string, value: string, place: Place): string | undefined {
  if (key === 'set-cookie') return ownSetCookie(value)
  return key === 'location' || key === 'content-location' ? ownLocation(value, place) : value
}

/** Names that a program may call itself by. */
const OWN_NAMES = ['localhost', '127.0.0.1', '[::1]', '0.0.0.0']

/** Where the program's URL is in the preview. URLs of others stay as they are. */
export function ownLocation(value: string, place: Place): string {
  const base = `http://${ownAuthority(place)}${place.path}`
  if (!URL.canParse(value, base)) return value
  const { protocol, hostname, port, pathname, search, hash } = new URL(value, base)
  const isOwn = protocol === 'http:' && OWN_NAMES.includes(hostname) && Number(port || '80') === place.port
  // Not `//HOST`, which a path of two slashes would be read as.
  return isOwn ? `${place.prefix}${pathname.replace(/^\/{2,}/, '/')}${search}${hash}` : value
}
