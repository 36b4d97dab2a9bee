/** Refuses requests: by their Origin and Host, and in the form that a request or an upgrade is answered. */
import { STATUS_CODES } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { OnRefused } from '../telemetry/refusals.ts'
import type { HostCheck, Refusal } from './host-check.ts'
import { peerName } from './peer-name.ts'

/** Which origins and hosts are allowed, and where refusals are reported. */
export type RequestChecks = {
  checkHost: HostCheck
  origins: ReadonlySet<string>
  onRefused: OnRefused
  /** Whether pages may load parts of them without an Origin, as scripts and images. Default: no. */
  allowsParts?: boolean
}

/** Checks that apply to every path: the Origin and the Host. */
export function refusalOf(
  request: IncomingMessage,
  { checkHost, origins, onRefused, allowsParts = false }: RequestChecks,
): Refusal | undefined {
  const peer = peerName(request.socket)
  // Browsers send Origin with every WebSocket handshake; agents do not.
  const { origin } = request.headers
  if (origin !== undefined && !origins.has(origin)) {
    onRefused({ status: 403, reason: 'origin', peer, why: `it comes from a web page of ${origin}` })
    return { status: 403, message: '' }
  }
  if (origin === undefined && !allowsParts && isPartOfPage(request)) {
    onRefused({ status: 403, reason: 'origin', peer, why: 'a web page loads it as a part' })
    return { status: 403, message: '' }
  }
  const refusal = checkHost(request)
  if (refusal?.status === 403) onRefused({ status: 403, reason: 'host', peer, why: refusal.message })
  return refusal
}

/**
 * Whether a page of another origin has the browser load it, other than by a link that is followed. Browsers say so to
 * addresses that they trust, loopback among them.
 */
export function isPartOfPage({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const site = headers['sec-fetch-site']
  if (site === undefined || site === 'none' || site === 'same-origin') return false
  return headers['sec-fetch-mode'] !== 'navigate' || headers['sec-fetch-dest'] !== 'document'
}

/** Answers a request, and ends its connection. */
export function refuseRequest(
  response: ServerResponse,
  { status, message }: Refusal,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    connection: 'close',
    'content-type': TEXT,
    'content-length': Buffer.byteLength(message),
    ...headers,
  })
  response.end(message)
}

/** The same for an upgrade request, on its socket. */
export function refuseUpgrade(
  socket: Duplex,
  { method }: IncomingMessage,
  { status, message }: Refusal,
  allow: string | null = null,
): void {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    `Content-Type: ${TEXT}`,
    `Content-Length: ${Buffer.byteLength(message)}`,
    ...(allow === null ? [] : [`Allow: ${allow}`]),
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : message}`)
}

const TEXT = 'text/plain; charset=utf-8'
