/** The options for TLS. */
import type { Listen } from '../../server/http/listen-url.ts'
import { UsageError } from '../../base/usage-error.ts'

/** Where the certificate comes from. The paths are as given; nothing has been read. */
export type TlsOptions = { kind: 'files'; certificate: string; key: string } | { kind: 'self-signed' }

export const tlsOptions = {
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-self-signed': { type: 'boolean' },
} as const

export const TLS_HELP = `  --tls-cert FILE              speak TLS, with the certificate in this PEM file and those that it is signed by
  --tls-key FILE               its private key, also PEM; both are read again when they change
  --tls-self-signed            speak TLS with a certificate that is made at the first start and kept; stderr says where
`

type TlsValues = {
  'tls-cert'?: string | undefined
  'tls-key'?: string | undefined
  'tls-self-signed'?: boolean | undefined
}

/**
 * Parses the options. Undefined: no TLS.
 * @throws {UsageError}
 */
export function parseTls(values: TlsValues, listen: Listen): TlsOptions | undefined {
  const { 'tls-cert': certificate, 'tls-key': key, 'tls-self-signed': isSelfSigned } = values
  if (certificate === '' || key === '') throw failure('--tls-cert and --tls-key take the path of a PEM file')
  const isGiven = certificate !== undefined || key !== undefined
  if (!isGiven && isSelfSigned !== true) {
    if (listen.kind === 'websocket' && listen.isSecure)
      throw failure('--listen wss:// requires a certificate: --tls-cert and --tls-key, or --tls-self-signed')
    return undefined
  }
  if (listen.kind !== 'websocket')
    throw failure(`TLS requires a WebSocket listener, not ${listen.kind === 'unix' ? 'a unix socket' : 'stdio'}`)
  if (isGiven && isSelfSigned === true) throw failure('--tls-self-signed cannot be used with --tls-cert and --tls-key')
  if (isSelfSigned === true) return { kind: 'self-signed' }
  if (certificate === undefined || key === undefined) throw failure('--tls-cert and --tls-key require each other')
  return { kind: 'files', certificate, key }
}

const failure = (message: string): UsageError => new UsageError(message, 2)
