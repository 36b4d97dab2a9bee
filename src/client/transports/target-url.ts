/**
 * Server URLs: ws://, wss:// and unix:/PATH, optionally followed by the path of a capability URL: unix:/PATH:/c/TOKEN.
 */
import { ConnectError } from '../base/errors.ts'

/** A parsed URL. For a unix socket, `socketPath` is the path to connect to. */
export type WebSocketUrl = { href: string; socketPath?: string }

/**
 * Parses a server URL.
 * @throws {ConnectError} If it is invalid.
 */
export function parseWebSocketUrl(text: string): WebSocketUrl {
  if (text.startsWith('unix:')) {
    const [path = '', target = '/'] = text
      .slice('unix:'.length)
      .replace(/^\/\//, '')
      .split(/:(?=\/)/)
    if (!path.startsWith('/'))
      throw new ConnectError(`not the address of a unix socket: ${displayUrl(text)}; it looks like unix:/PATH`)
    return { href: `ws://localhost${target}`, socketPath: path }
  }
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new ConnectError(`not an address: ${displayUrl(text)}; it looks like ws://HOST:PORT`)
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new ConnectError(`not the address of a WebSocket: ${displayUrl(text)}; it begins with ws://, wss:// or unix:`)
  }
  url.hash = ''
  return { href: url.href }
}

/** A URL for messages, without secrets: no credentials, query, fragment or token of a capability URL. */
export function displayUrl(text: string): string {
  return text
    .replace(/[?#].*$/s, '')
    .replace(/^([a-z]+:\/\/)[^/]*@/i, '$1')
    .replace(/\/c\/[^/]+/, '/c/…')
}
