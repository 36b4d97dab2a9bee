/**
 * Where a preview is in the browser, and which requests are for one. A preview has an origin of its own, by a host name:
 * `http://5173-ID.localhost:4600/`. Where there is no such name (the server is called by its IP address) it is below a path
 * of the server's own origin, `/c/TOKEN/port/5173/`, and its pages are sandboxed.
 */
import { originForm } from '../http/host-check.ts'

/** A page's place. `path` is what the program on the port is asked for, with its query. */
export type Place = {
  kind: 'origin' | 'path'
  port: number
  /** Host and port as the browser has them, in lower case. */
  authority: string
  /** What stands in front of `path`. Empty for a place with an origin of its own. */
  prefix: string
  path: string
}

/** What a request wants of previews. */
export type PreviewTarget =
  /** To be sent to the preview of a port, if the control token allows it. */
  | { kind: 'enter'; port: number; token: string | undefined; path: string }
  /** To get the cookie for an origin of its own, by the token of the preview. */
  | { kind: 'open'; place: Place; token: string }
  /** A request of a preview. `token` stands in the path, if the place has one. */
  | { kind: 'page'; place: Place; token: string | undefined }
  /** A preview of a server that has ended. */
  | { kind: 'stale'; port: number }

/** `PORT-ID.NAME`, with or without the server's port. */
const OWN_HOST = /^([1-9]\d{0,4})-([0-9a-f]{16})\.([^:[\]]+?)\.?(?::\d+)?$/

const PORT_PATH = /^((?:\/c\/([^/?#]+))?\/port\/([1-9]\d{0,4}))((?:[/?].*)?)$/s

/** On an origin of its own, where the token is changed for the cookie. */
const OPEN_PATH = /^\/~exec-server\/([^/?#]+)(\/.*)$/s

/** Names of this machine, at which browsers find every name below `localhost`, too. */
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]']

const MAX_PORT = 65_535

/** What decides which names are previews. `hosts`: the patterns of --allow-host. */
export type PlaceOptions = { id: string; hosts: readonly string[] }

/** What the request wants of previews; undefined if nothing: it is for the server itself. */
export function findTarget(
  { authority, target }: { authority: string; target: string },
  { id, hosts }: PlaceOptions,
): PreviewTarget | undefined {
  const path = originForm(target)
  const host = authority.toLowerCase()
  const [, label, ownId, name = ''] = OWN_HOST.exec(host) ?? []
  if (label !== undefined && isParent(name, hosts)) {
    const port = Number(label)
    // Never the server itself, whose pages would have the origin of an old preview.
    if (ownId !== id || port > MAX_PORT) return { kind: 'stale', port }
    const place: Place = { kind: 'origin', port, authority: host, prefix: '', path }
    const [, token, rest] = OPEN_PATH.exec(path) ?? []
    if (token !== undefined && rest !== undefined) return { kind: 'open', place: { ...place, path: rest }, token }
    return { kind: 'page', place, token: undefined }
  }
  const [, prefix, token, digits, rest = ''] = PORT_PATH.exec(path) ?? []
  if (prefix === undefined || Number(digits) > MAX_PORT) return undefined
  const port = Number(digits)
  const inside = rest.startsWith('/') ? rest : `/${rest}`
  if (token === undefined) return { kind: 'enter', port, token, path: inside }
  return { kind: 'page', place: { kind: 'path', port, authority: host, prefix, path: inside }, token }
}

/**
 * The URL that opens a preview with its token, without a scheme, which is that of the request. `authority` is what the
 * server was called by.
 */
export function openUrl(
  { port, path, token, authority }: { port: number; path: string; token: string; authority: string },
  { id, hosts }: PlaceOptions,
): string {
  const [, name = '', serverPort = ''] = /^(.*?)(:\d*)?$/s.exec(authority.toLowerCase()) ?? []
  const parent = LOOPBACK_NAMES.includes(name) ? 'localhost' : name
  if (!isParent(parent, hosts)) return `/c/${token}/port/${port}${path}`
  return `//${port}-${id}.${parent}${serverPort}/~exec-server/${token}${path}`
}

/** Whether names below this one lead to this server: below `localhost` always, below others if an option says so. */
const isParent = (name: string, hosts: readonly string[]): boolean =>
  name === 'localhost' || hosts.some((pattern) => pattern.toLowerCase() === `*.${name}`)
