/**
 * Accepts the URLs that the reference accepts in environments.toml: those of its HTTP library, which differ from the
 * URL standard. Unusable ones that pass, such as port 99999, fail on first use, as in the reference.
 */
import { isLoopback } from '../../base/loopback.ts'
import { trimmed } from './trim-rust.ts'

/** The library's limit, in bytes. */
const MAX_LENGTH = 65_534

const SCHEME = /^wss?:\/\//
const AUTHORITY = /^[A-Za-z0-9!$&'()*+,\-.:;=@_~[\]%]+$/
const BRACKETS = /^[^[\]]*(?:\[[^[\]]*\][^[\]]*)?$/
const PATH = /^[^\0-\x20<>`]*$/
const QUERY = /^[^\0-\x20<>"]*$/

/** The URL, trimmed and without fragment, or what is wrong with it, as a predicate of `url`. */
export function websocketUrl(text: string): { url: string } | { fault: string } {
  const whole = trimmed(text)
  if (whole === '') return { fault: 'must not be empty' }
  if (!SCHEME.test(whole)) return { fault: 'must begin with ws:// or wss://' }
  if (new TextEncoder().encode(whole).length > MAX_LENGTH) return { fault: `may have at most ${MAX_LENGTH} bytes` }
  const url = whole.replace(/#.*$/s, '')
  const [, authority = '', path = '', query = ''] = /^wss?:\/\/([^/?]*)([^?]*)(.*)$/s.exec(url) ?? []
  if (authority === '') return { fault: 'must name a host' }
  if (!AUTHORITY.test(authority) || !isAuthority(authority)) return { fault: 'has a host or port that cannot be' }
  if (!PATH.test(path) || !QUERY.test(query)) return { fault: 'holds a character that must be percent-encoded' }
  return { url }
}

/**
 * At most one pair of brackets, a host after the user info, one colon before the port, and no percent-escapes in the
 * host.
 */
function isAuthority(authority: string): boolean {
  if (!BRACKETS.test(authority) || authority.endsWith('@')) return false
  const parts = authority.split(/[@\]]/)
  const last = parts.pop() ?? ''
  const colons = (part: string): number => part.split(':').length - 1
  if (last.includes('%') || colons(last) > 1) return false
  // User info and bracketed addresses may contain anything with no more colons than an IPv6 address.
  return parts.every((part) => colons(part) <= 8 && !/%[^[]*\[/.test(part))
}

/** Whether the connection cannot be eavesdropped: TLS, or this machine. */
export function isPrivate(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'wss:' || isLoopback(hostname)
}
