/** Who may see a preview: what opens it, which requests are its pages' own, and which ports it may be of. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Authenticator } from '../auth/authenticator.ts'
import { CONFINED, GONE } from '../auth/peer-check.ts'
import type { PeerCheck } from '../auth/peer-check.ts'
import { authorityOf } from '../http/host-check.ts'
import type { Refusal } from '../http/host-check.ts'
import { peerName } from '../http/peer-name.ts'
import { isPartOfPage, refusalOf } from '../http/refuse.ts'
import type { RequestChecks } from '../http/refuse.ts'
import { previewCookie, tokensIn } from './cookie.ts'
import { findTarget, openUrl } from './place.ts'
import type { Place, PlaceOptions, PreviewTarget } from './place.ts'
import type { PreviewKeys } from './preview-keys.ts'

/** What is done with a request: it is answered by the server itself, or passed on. */
export type Decision = { answer: Refusal; headers?: Readonly<Record<string, string>> } | { place: Place }

export type AdmissionOptions = Omit<RequestChecks, 'origins'> & {
  keys: PreviewKeys
  authenticator: Authenticator
  checkPeer: PeerCheck
  /** The patterns of --allow-host. */
  hosts: readonly string[]
}

/** Decides on the requests that are for previews. */
export type Admission = {
  /** What a request wants of previews; undefined if it is for the server itself. */
  find(request: IncomingMessage): PreviewTarget | undefined
  decide(request: IncomingMessage, target: PreviewTarget): Promise<Decision>
}

/** A URL with a token is neither kept nor told to the next page. */
const NOT_KEPT = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }

const NO_ORIGINS: ReadonlySet<string> = new Set()

/** What pages with an opaque origin send. */
const OPAQUE_ORIGIN: ReadonlySet<string> = new Set(['null'])

export function createAdmission(options: AdmissionOptions): Admission {
  const { keys, authenticator, checkPeer, checkHost, onRefused } = options
  const places: PlaceOptions = { id: keys.id, hosts: options.hosts }

  const refuse = (request: IncomingMessage, reason: 'token' | 'origin', message: string): Decision => {
    const status = reason === 'token' ? 401 : 403
    onRefused({ status, reason, peer: peerName(request.socket), why: message })
    return { answer: { status, message } }
  }

  /** The peer is checked for every request, as for the server's own. */
  const foreign = async (socket: Socket): Promise<Decision | undefined> => {
    const why = await checkPeer(socket)
    if (why === undefined) return undefined
    const reason = why === CONFINED ? 'confined' : 'user'
    if (why !== GONE) onRefused({ status: 403, reason, peer: peerName(socket), why })
    return { answer: { status: 403, message: why } }
  }

  const enter = async (
    request: IncomingMessage,
    { port, path, token }: Pick<Extract<PreviewTarget, { kind: 'enter' }>, 'port' | 'path' | 'token'>,
  ): Promise<Decision> => {
    const refusal = refusalOf(request, { checkHost, onRefused, origins: NO_ORIGINS })
    if (refusal !== undefined) return { answer: refusal }
    if (!isRead(request))
      return { answer: { status: 405, message: 'open it with GET' }, headers: { allow: 'GET, HEAD' } }
    // A token in the URL shows that the user, or the user's own page, made it.
    if (token === undefined && isFromPage(request))
      return refuse(request, 'origin', 'no other page may open a preview: paste its URL into the address bar')
    const { authorization } = request.headers
    const unauthorized = await authenticator.authenticate({ authorization, token })
    if (unauthorized !== undefined) return refuse(request, 'token', unauthorized)
    const denied = await foreign(request.socket)
    if (denied !== undefined) return denied
    const authority = String(authorityOf(request))
    const location = openUrl({ port, path, token: keys.tokenOf(port), authority }, places)
    return { answer: { status: 303, message: '' }, headers: { location, ...NOT_KEPT } }
  }

  /** Changes the token for a cookie: the URLs of the pages then hold no secret. */
  const open = async (
    request: IncomingMessage,
    { place, token }: Extract<PreviewTarget, { kind: 'open' }>,
  ): Promise<Decision> => {
    const { port, authority, path } = place
    if (!isRead(request))
      return { answer: { status: 405, message: 'open it with GET' }, headers: { allow: 'GET, HEAD' } }
    if (!keys.isTokenOf(port, token)) return refuse(request, 'token', wrongToken(port))
    const denied = await foreign(request.socket)
    if (denied !== undefined) return denied
    const cookie = previewCookie(token, isSecure(request))
    // With its host: a path of two slashes would lead to another one.
    return {
      answer: { status: 303, message: '' },
      headers: { location: `//${authority}${path}`, 'set-cookie': cookie, ...NOT_KEPT },
    }
  }

  const checkPage = (request: IncomingMessage, place: Place, token: string | undefined): Decision | undefined => {
    const { headers } = request
    if (place.kind === 'path') {
      const refusal = refusalOf(request, { checkHost, onRefused, origins: OPAQUE_ORIGIN, allowsParts: true })
      if (refusal !== undefined) return { answer: refusal }
      return headers['service-worker'] === undefined
        ? undefined
        : refuse(request, 'origin', 'a preview below a path of the server has no service worker')
    }
    if (isForeign(request, place.authority))
      return refuse(request, 'origin', 'only its own pages may use a preview, and you by its URL')
    const tokens = token === undefined ? tokensIn(headers.cookie ?? '') : [token]
    if (tokens.some((each) => keys.isTokenOf(place.port, each))) return undefined
    return refuse(request, 'token', wrongToken(place.port))
  }

  const page = async (
    request: IncomingMessage,
    { place, token }: Extract<PreviewTarget, { kind: 'page' }>,
  ): Promise<Decision> => {
    // Below a path any other token may be that of the server, with which a preview is entered.
    if (place.kind === 'path' && token !== undefined && !keys.isTokenOf(place.port, token))
      return enter(request, { port: place.port, path: place.path, token })
    return checkPage(request, place, token) ?? (await foreign(request.socket)) ?? { place }
  }

  return {
    find: (request) => {
      const authority = authorityOf(request)
      if (typeof authority !== 'string') return undefined
      return findTarget({ authority, target: request.url ?? '' }, places)
    },
    decide: async (request, target) => {
      if (target.kind === 'stale')
        return {
          answer: { status: 404, message: `this preview has ended, with its server: ${howToOpen(target.port)}` },
        }
      const port = target.kind === 'enter' ? target.port : target.place.port
      if (port === request.socket.localPort)
        return { answer: { status: 403, message: `port ${port} is the server's own: it has no preview` } }
      if (target.kind === 'enter') return enter(request, target)
      return target.kind === 'open' ? open(request, target) : page(request, target)
    },
  }
}

/** Whether TLS is spoken on its connection. */
const isSecure = ({ socket }: IncomingMessage): boolean => 'encrypted' in socket && socket.encrypted === true

const howToOpen = (port: number): string => `open the URL that exec-server preview ${port} prints`

const wrongToken = (port: number): string => `this preview has not been opened in this browser: ${howToOpen(port)}`

const isRead = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD'

/** Whether a page had the browser send it. Browsers say so to addresses that they trust, loopback among them. */
function isFromPage({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  return site !== undefined && site !== 'none' && site !== 'same-origin'
}

/**
 * Whether it comes from a page of another origin, a neighbouring preview for example, whose requests may carry the
 * cookie. A user who follows a link is let in.
 */
function isForeign(request: IncomingMessage, authority: string): boolean {
  const { headers } = request
  const { origin } = headers
  if (origin !== undefined && origin.replace(/^https?:\/\//, '') !== authority) return true
  return isPartOfPage(request) || (isFromPage(request) && !isRead(request))
}
