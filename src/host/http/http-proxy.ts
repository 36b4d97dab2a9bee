/**
 * Selects the proxy for a request: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in lower or upper case. Loopback is
 * never proxied: a proxy could not reach it, and would see local traffic.
 */
import { isIP } from 'node:net'
import { addressList, bareHost, isLoopback } from './addresses.ts'

type Variables = Record<string, string | undefined>

/**
 * Returns the proxy's URL (http: or https:), or undefined for a direct connection.
 * @throws Error for an unusable proxy
 */
export function proxyFor(url: URL, env: Variables): URL | undefined {
  const host = bareHost(url).replace(/\.$/, '')
  if (isThisMachine(host) || isExempt(host, portOf(url), variable(env, 'NO_PROXY') ?? '')) return undefined
  // In CGI, HTTP_PROXY comes from the client's `Proxy` header (httpoxy).
  const isCgi = env['REQUEST_METHOD'] !== undefined
  const own =
    url.protocol === 'https:'
      ? variable(env, 'HTTPS_PROXY')
      : isCgi
        ? env['http_proxy'] || undefined
        : variable(env, 'HTTP_PROXY')
  const text = own ?? variable(env, 'ALL_PROXY')
  if (text === undefined) return undefined
  const proxy = parse(text.includes('://') ? text : `http://${text}`)
  if (proxy?.protocol !== 'http:' && proxy?.protocol !== 'https:') {
    throw new Error('the proxy that the environment names is not usable: only http:// and https:// proxies are')
  }
  return proxy
}

/** Lower case first; empty counts as unset. */
const variable = (env: Variables, name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined

function parse(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

/** The URL's port, or the scheme's default. */
export const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80))

const isThisMachine = (host: string): boolean => /(^|\.)localhost$/.test(host) || (isIP(host) !== 0 && isLoopback(host))

/** Entries are names (which include subdomains), addresses, ranges, or `*`; each may end in a port. */
function isExempt(host: string, port: number, list: string): boolean {
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true
    if (isInRange(host, entry)) return true
    const [, name = '', ownPort] = /^(.*?)(?::([0-9]+))?$/.exec(entry.toLowerCase()) ?? []
    if (name === '' || (ownPort !== undefined && Number(ownPort) !== port)) return false
    if (isInRange(host, name)) return true
    const bare = name.replace(/^\*?\./, '')
    return bare !== '' && (host === bare || host.endsWith(`.${bare}`))
  })
}

function isInRange(host: string, range: string): boolean {
  if (isIP(host) === 0) return false
  const list = addressList()
  try {
    return list.add(range) && list.has(host)
  } catch {
    // Not a valid range: no exemption, so the proxy is used.
    return false
  }
}
