/**
 * The name that a client calls the server by. A page whose name is made to point at this machine (DNS rebinding)
 * is of the same origin as the server, so its browser sends no Origin; but it sends its name as the Host. An IP
 * address cannot be made to point anywhere, so whoever uses one means this machine.
 */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/** An answer that lets nobody in. */
export type Refusal = { status: number; message: string }

/** What is wrong with the name that a request uses, if anything. */
export type HostCheck = (request: Pick<IncomingMessage, 'rawHeaders' | 'url'>) => Refusal | undefined

/** For doors that no name leads to, such as a unix socket. */
export const anyHost: HostCheck = () => undefined

/** A host, or an IPv6 address in brackets, and perhaps a port. */
const AUTHORITY = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::[0-9]{0,5})?$/

/** A request target that names its server itself, as clients send it to proxies. */
const ABSOLUTE_FORM = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/

const NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/

/** Lets in IP addresses, localhost, and what the patterns name: `devbox`, `*.corp.example` or `*`. Ports do not matter. */
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

/** Whether --allow-host takes it. */
export const isHostPattern = (text: string): boolean => text === '*' || NAME.test(text.replace(/^\*\./, ''))

/** The target's path and query, of one that names its server as well. */
export function originForm(target: string): string {
  const absolute = ABSOLUTE_FORM.exec(target)?.[0]
  if (absolute === undefined) return target
  const rest = target.slice(absolute.length)
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** RFC 9112, section 3.2: a server that the target names counts, else the one Host header that there must be. */
function authorityOf({ rawHeaders, url = '' }: Pick<IncomingMessage, 'rawHeaders' | 'url'>): string | Refusal {
  const hosts = rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'host')
  if (hosts.length > 1) return refused(400, 'there is more than one Host header')
  return ABSOLUTE_FORM.exec(url)?.[1] ?? hosts[0]?.trim() ?? refused(400, 'the Host header is missing')
}

const refused = (status: number, message: string): Refusal => ({ status, message })

const normalName = (name: string): string => name.toLowerCase().replace(/\.$/, '')
