/** Parses the URL that a server connects to. */
import { isLoopback } from '../../base/loopback.ts'

/** Where `exec-server accept` listens. `socketPath` is that of a unix socket; `href` is then a stand-in. */
export type LinkUrl = { href: string; socketPath: string | undefined; isSecure: boolean }

/**
 * Parses `wss://HOST/PATH`, `ws://…` or `unix:/PATH`. Without TLS it must stay on this machine, unless `allowsPlaintext`:
 * others could read and change what is sent, and take the connection over once it is proven.
 * @throws {Error} with a message for the command line
 */
export function parseLinkUrl(value: string, allowsPlaintext: boolean): LinkUrl {
  if (value.startsWith('unix:')) {
    const path = value.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    if (!path.startsWith('/')) throw new Error(`--connect takes unix:/PATH with an absolute path, not '${value}'`)
    return { href: 'ws://localhost/', socketPath: path, isSecure: false }
  }
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || (url.protocol !== 'wss:' && url.protocol !== 'ws:'))
    throw new Error(`--connect takes wss://HOST:PORT, ws://127.0.0.1:PORT or unix:/PATH, not '${shown(value)}'`)
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw new Error('--connect takes a URL without a user, a password and a fragment')
  const isSecure = url.protocol === 'wss:'
  if (!isSecure && !allowsPlaintext && !isLoopback(url.hostname))
    throw new Error(
      `--connect ${shown(value)} crosses a network without TLS, where others can take it over: use wss://, or ` +
        '--allow-plaintext inside a network that you trust, such as a VPN',
    )
  return { href: url.href, socketPath: undefined, isSecure }
}

/** Without credentials and query, which may hold secrets of a proxy. */
export const shown = (value: string): string => value.replace(/[?#].*$/s, '').replace(/^([a-z]+:\/\/)[^/]*@/i, '$1')
