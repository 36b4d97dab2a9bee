/** Addresses of servers: ws://, wss://, and unix:/PATH, with the path of a capability URL behind it: unix:/PATH:/c/TOKEN. */
import { ConnectError } from '../base/errors.ts'

export type WebSocketUrl = { href: string; socketPath?: string }

/** Throws ConnectError. */
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

/** An address for messages: without what may be a secret, that is credentials, query, fragment and the token of a capability URL. */
export function displayUrl(text: string): string {
  return text
    .replace(/[?#].*$/s, '')
    .replace(/^([a-z]+:\/\/)[^/]*@/i, '$1')
    .replace(/\/c\/[^/]+/, '/c/…')
}

/** Whether an address leads to this very machine. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    /^127(\.\d+){3}$/.test(hostname) ||
    hostname === '[::1]'
  )
}
