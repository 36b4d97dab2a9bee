/** The options for a server that dials out. */
import { parseLinkUrl, shown } from '../../server/link/link-url.ts'
import type { LinkUrl } from '../../server/link/link-url.ts'
import type { ConnectOptions } from '../../server/link/link-options.ts'
import { UsageError } from '../../base/usage-error.ts'

export const connectOptions = {
  connect: { type: 'string' },
  'token-file': { type: 'string' },
  'tls-ca': { type: 'string' },
  'allow-plaintext': { type: 'boolean' },
} as const

export const CONNECT_HELP = `  --connect URL                dial out instead of listening, for machines that nothing can reach: to exec-server accept,
                               which listens at wss://HOST:PORT/PATH (through the proxy in HTTPS_PROXY, if there is one),
                               ws://127.0.0.1:PORT or unix:/PATH
  --token-file FILE            the secret of 32 characters or more that both share
  --tls-ca FILE                for wss://, trust only the certificates in this PEM file (default: what this machine trusts)
  --allow-plaintext            connect over ws:// to another machine, inside a network that you trust, such as a VPN
`

type ConnectValues = {
  connect?: string | undefined
  'token-file'?: string | undefined
  'tls-ca'?: string | undefined
  'allow-plaintext'?: boolean | undefined
} & Readonly<Record<string, unknown>>

/**
 * Parses the options. Undefined: the server listens. `forListeners`: the options that are for one that does.
 * @throws {UsageError}
 */
export function parseConnect(values: ConnectValues, forListeners: readonly string[]): ConnectOptions | undefined {
  const { connect, 'token-file': tokenFile, 'tls-ca': authorities, 'allow-plaintext': allowsPlaintext } = values
  if (connect === undefined) {
    const other = (['token-file', 'tls-ca', 'allow-plaintext'] as const).find((name) => values[name] !== undefined)
    if (other !== undefined) throw new UsageError(`--${other} requires --connect`, 2)
    return undefined
  }
  // Who connects to accept is checked there.
  const listening = forListeners.find((name) => values[name] !== undefined)
  if (listening !== undefined)
    throw new UsageError(`--${listening} is for a server that listens, and --connect dials out instead`, 2)
  if (tokenFile === undefined || tokenFile === '')
    throw new UsageError('--connect requires --token-file FILE, with the secret that accept has, too', 2, [
      'make one with: openssl rand -hex 32 > FILE',
    ])
  const url = parseUrl(connect, allowsPlaintext === true)
  if (authorities !== undefined && !url.isSecure) throw new UsageError('--tls-ca is for --connect wss://', 2)
  return { url, name: shown(connect), tokenFile, authorities }
}

function parseUrl(connect: string, allowsPlaintext: boolean): LinkUrl {
  try {
    return parseLinkUrl(connect, allowsPlaintext)
  } catch (error) {
    throw new UsageError((error as Error).message, 2)
  }
}
