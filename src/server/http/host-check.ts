/**
 * Validates the Host header against DNS rebinding. A page whose name resolves to this machine is same-origin with
 * the server, so its browser sends no Origin, but it sends that name as the Host. An IP address cannot be rebound,
 * so it is always allowed.
 */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/** The HTTP status and body of a rejected request. */
export type Refusal = { status: number; message: string }

/** Returns why a request's host is rejected, or undefined if it is allowed. */
export type HostCheck = (request: Pick<IncomingMessage, 'rawHeaders' | 'url'>) => Refusal | undefined

/** For listeners that have no host name, such as a unix socket. */
export const anyHost: HostCheck = () => undefined

/** A host, or an IPv6 address in brackets, with an optional port. */
const AUTHORITY = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::[0-9]{0,5})?$/

/** A request target in absolute form, as clients send it to proxies. */
const ABSOLUTE_FORM = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/

const NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/

/**
 * Allows IP addresses, `localhost` and hosts that match a pattern (`devbox`, `*.corp.example` or `*`), on any port.
 * Rejects with 400 for a missing, repeated or malformed Host, else with 403.
 */
export function hostCheck(patterns: readonly string[]): HostCheck {
  const names = new Set(['localhost', ...patterns.map(normalName)])
  const suffixes = [...names].filter((name) => name.startsWith('*.')).map((name) => name.slice(1))
  const allows = (host: string): boolean =>
    isIP(host) !== 0 ||
    names.has('*') ||
    names.has(host) ||
    suffixes.some((suffix) => host.endsWith(suffix) && host !== suffix)
  return (request) => {
    const authority = authorityOf(request)
    if (typeof authority !== 'string') return authority
    const host = AUTHORITY.exec(authority)?.[1]
    if (host === undefined) return refused(400, 'the Host header is not a host name with or without a port')
    if (allows(normalName(host.replace(/^\[(.*)\]$/, '$1')))) return undefined
    return refused(
      403,
      `this server does not go by the name ${host}: use its IP address, or start it with --allow-host ${host}`,
    )
  }
}

/** Whether `text` is a valid value of --allow-host. */
export const isHostPattern = (text: string): boolean => text === '*' || NAME.test(text.replace(/^\*\./, ''))

/** The path and query of a request target, which may be in absolute form. */
export function originForm(target: string): string {
  const absolute = ABSOLUTE_FORM.exec(target)?.[0]
  if (absolute === undefined) return target
  const rest = target.slice(absolute.length)
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** The host and port that a request is for. RFC 9112, section 3.2: the authority of an absolute-form target takes precedence over the single Host header. */
export function authorityOf({ rawHeaders, url = '' }: Pick<IncomingMessage, 'rawHeaders' | 'url'>): string | Refusal {
  const hosts = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'host')
  if (hosts.length > 1) return refused(400, 'there is more than one Host header')
  return ABSOLUTE_FORM.exec(url)?.[1] ?? hosts[0]?.trim() ?? refused(400, 'the Host header is missing')
}

const refused = (status: number, message: string): Refusal => ({ status, message })

const normalName = (name: string): string => name.toLowerCase().replace(/\.$/, '')
