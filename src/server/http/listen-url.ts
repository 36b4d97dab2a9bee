/** Parses the value of --listen, and formats the URL that the server prints. */
import { isIP } from 'node:net'
import process from 'node:process'

/** A parsed --listen value. `address` is a literal IP address; `path` is absolute. */
export type Listen =
  | { kind: 'stdio' }
  | { kind: 'websocket'; address: string; port: number; isSecure: boolean }
  | { kind: 'unix'; path: string }

const WEBSOCKET = /^wss?:\/\/(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]{1,5})$/
const UNIX = 'unix:'

/** Bytes of `sun_path` without the terminating NUL. A longer path would be truncated silently. */
const UNIX_PATH_BYTES = process.platform === 'linux' ? 107 : 103

/**
 * Parses a --listen value: `ws://IP:PORT`, `wss://IP:PORT`, `unix:/PATH`, `stdio` or `stdio://`.
 * @throws {Error} with a message for the command line
 */
export function parseListenUrl(value: string): Listen {
  if (value === 'stdio' || value === 'stdio://') return { kind: 'stdio' }
  if (value.startsWith(UNIX)) return { kind: 'unix', path: unixPath(value) }
  if (!/^wss?:\/\//.test(value)) {
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
  return { kind: 'websocket', address, port, isSecure: value.startsWith('wss:') }
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

/** Formats a WebSocket URL: `listenUrl('::1', 80)` is `ws://[::1]:80`. */
export function listenUrl(address: string, port: number, isSecure = false): string {
  return `${isSecure ? 'wss' : 'ws'}://${isIP(address) === 6 ? `[${address}]` : address}:${port}`
}
