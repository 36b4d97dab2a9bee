/** Where to listen: the values of --listen, and the one line that tells where the server does. */
import { isIP } from 'node:net'
import process from 'node:process'

export type Listen =
  | { kind: 'stdio' }
  | { kind: 'websocket'; address: string; port: number }
  | { kind: 'unix'; path: string }

const WEBSOCKET = /^ws:\/\/(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]{1,5})$/
const UNIX = 'unix:'

/** What an address of a unix socket holds, its closing NUL not counted. A longer path would be cut short without a word. */
const UNIX_PATH_BYTES = process.platform === 'linux' ? 107 : 103

/** Reads a --listen value: a literal IP address and a port, the path of a unix socket, or stdio. Throws an error for the command line. */
export function parseListenUrl(value: string): Listen {
  if (value === 'stdio' || value === 'stdio://') return { kind: 'stdio' }
  if (value.startsWith(UNIX)) return { kind: 'unix', path: unixPath(value) }
  if (!value.startsWith('ws://')) {
    throw new Error(
      `unsupported --listen URL \`${value}\`; use \`ws://IP:PORT\`, \`unix:/PATH\`, \`stdio\` or \`stdio://\``,
    )
  }
  const [, six, four, digits] = WEBSOCKET.exec(value) ?? []
  const address = six !== undefined && isIP(six) === 6 ? six : four !== undefined && isIP(four) === 4 ? four : undefined
  const port = Number(digits)
  if (address === undefined || port > 65_535) {
    throw new Error(`invalid --listen URL \`${value}\`; use \`ws://IP:PORT\` with a literal IP address`)
  }
  return { kind: 'websocket', address, port }
}

function unixPath(value: string): string {
  const path = value.slice(UNIX.length).replace(/^\/\/(?=\/)/, '')
  if (!/^\/(?!\/)/.test(path) || path.endsWith('/')) {
    throw new Error(`invalid --listen URL \`${value}\`; use \`unix:/PATH\` with an absolute path`)
  }
  const bytes = Buffer.byteLength(path)
  if (bytes > UNIX_PATH_BYTES) {
    throw new Error(
      `invalid --listen URL: a unix socket's path has at most ${UNIX_PATH_BYTES} bytes, and this one ${bytes}`,
    )
  }
  return path
}

export function listenUrl(address: string, port: number): string {
  return `ws://${isIP(address) === 6 ? `[${address}]` : address}:${port}`
}

/** IPv4's loopback network in IPv6's clothes, in the form that URLs give it. */
const MAPPED_LOOPBACK = /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/

/** Whether only this machine can reach what listens on an address. */
export function isLoopbackListen(address: string): boolean {
  if (isIP(address) === 4) return address.startsWith('127.')
  // No URL has a zone in it, and no loopback address needs one.
  if (address.includes('%')) return false
  const { hostname } = new URL(`http://[${address}]`)
  return hostname === '[::1]' || MAPPED_LOOPBACK.test(hostname)
}
