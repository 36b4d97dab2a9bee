/** What `forward` is to forward: `[LISTEN:]TARGET`, as with `ssh -L` and `ssh -R`. */
import { isIPv6 } from 'node:net'
import { usageError } from '../../base/parse-options.ts'

/** A TCP port, or a unix socket. Without a host it is loopback. */
export type Endpoint = { host: string | undefined; port: number } | { path: string }

/** Where is listened, on one side, and what is connected to from the other. */
export type Forward = { listen: Endpoint; target: Endpoint }

const MAX_PORT = 65_535

/**
 * Parses one argument. Each side is `[HOST:]PORT` or the path of a unix socket; IPv6 addresses are in brackets. Without
 * `LISTEN` it is the target's port.
 * @throws {UsageError}
 */
export function parseForward(text: string): Forward {
  const tokens = tokensOf(text)
  const target = takeLast(tokens, text)
  const listen = tokens.length === 0 ? undefined : takeLast(tokens, text)
  if (tokens.length > 0) throw malformed(text)
  if ('port' in target && target.port === 0) throw usageError(`nothing can be reached at port 0: '${text}'`)
  if (listen !== undefined) return { listen, target }
  if ('path' in target) throw usageError(`'${text}' does not say where to listen: LISTEN:${text}`)
  return { listen: { host: undefined, port: target.port }, target }
}

/** An endpoint as people write it. */
export function shownEndpoint(endpoint: Endpoint): string {
  if ('path' in endpoint) return endpoint.path
  const { host = 'localhost', port } = endpoint
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

type Token = { text: string; isHost: boolean }

/** Splits at colons, but not within brackets. */
function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  const token = /(?:\[(?<address>[^\]]*)\]|(?<word>[^:[\]]+))(?<end>:|$)/y
  for (;;) {
    const { address, word, end } = token.exec(text)?.groups ?? {}
    if (address !== undefined && !isIPv6(address.replace(/%.*$/, ''))) throw malformed(text)
    if (address === undefined && word === undefined) throw malformed(text)
    tokens.push({ text: address ?? word ?? '', isHost: address !== undefined })
    if (end === '') return tokens
  }
}

const isPort = ({ text, isHost }: Token): boolean => !isHost && /^\d+$/.test(text)
const isPath = ({ text, isHost }: Token): boolean => !isHost && text.includes('/')

/** Takes the last endpoint off the tokens. */
function takeLast(tokens: Token[], whole: string): Endpoint {
  const last = tokens.pop()
  if (last === undefined) throw malformed(whole)
  if (isPath(last)) return { path: last.text }
  if (!isPort(last)) throw malformed(whole)
  const port = Number(last.text)
  if (port > MAX_PORT) throw usageError(`${last.text} is no port: '${whole}'`)
  const before = tokens.at(-1)
  if (before === undefined || isPort(before) || isPath(before)) return { host: undefined, port }
  tokens.pop()
  return { host: before.text, port }
}

const malformed = (text: string): Error =>
  usageError(
    `'${text}' is not [LISTEN:]TARGET`,
    'each is PORT, HOST:PORT, [IPV6]:PORT or the path of a unix socket: 5173, 8080:5173, 5432:db.internal:5432',
  )
