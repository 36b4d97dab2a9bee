/** The authentication options. Modes, flags and error messages match the reference. */
import type { AuthenticationOptions, TokenSource } from '../../server/auth/authentication-options.ts'
import type { Listen } from '../../server/http/listen-url.ts'
import { isLoopbackAddress } from '../../base/loopback.ts'
import { UsageError } from '../../base/usage-error.ts'

/** Tolerated clock difference when a token's times are checked. The default of the reference. */
const DEFAULT_SKEW_SECONDS = 30

/** One day. A larger skew would make a token's expiry meaningless. */
const MAX_SKEW_SECONDS = 86_400

export const AUTH_HELP = `\
  --capability-url             let in only who has the printed URL, which holds a secret; clients need nothing else
  --ws-auth MODE               ask for an Authorization header, whose bearer token is judged by MODE:
                               capability-token or signed-bearer-token
  --ws-token-file PATH         the token, for capability-token (or for --capability-url, to keep its URL at a restart)
  --ws-token-sha256 HEX        or its SHA-256
  --ws-shared-secret-file PATH the secret of 32 bytes or more, for signed-bearer-token: JWTs signed with HS256
  --ws-issuer ISSUER           the issuer that they must name
  --ws-audience AUDIENCE       the audience that they must name
  --ws-max-clock-skew-seconds N  how far their clock may be off (default ${DEFAULT_SKEW_SECONDS})
  --allow-local-users          let in every user of this machine on loopback without any of these (default: this user and
                               root)
  --allow-unauthenticated      listen on an address that others can reach without any of these
  --allow-host NAME            a name that clients may call this server by, besides localhost and IP addresses;
                               *.NAME for all below it, * for any; can be given several times
  --allow-origin ORIGIN        a web page's origin, such as https://app.example or http://localhost:3000, that may open a
                               WebSocket here, if it can also authenticate; can be given several times
`

export const authOptions = {
  'capability-url': { type: 'boolean' },
  'ws-auth': { type: 'string' },
  'ws-token-file': { type: 'string' },
  'ws-token-sha256': { type: 'string' },
  'ws-shared-secret-file': { type: 'string' },
  'ws-issuer': { type: 'string' },
  'ws-audience': { type: 'string' },
  'ws-max-clock-skew-seconds': { type: 'string', inFile: 'number', fallback: DEFAULT_SKEW_SECONDS },
  'allow-local-users': { type: 'boolean' },
  'allow-unauthenticated': { type: 'boolean' },
  'allow-host': { type: 'string', multiple: true },
  'allow-origin': { type: 'string', multiple: true },
} as const

export type AuthValues = {
  [Name in keyof typeof authOptions]?: (typeof authOptions)[Name] extends { multiple: true }
    ? string[] | undefined
    : (typeof authOptions)[Name]['type'] extends 'boolean'
      ? boolean | undefined
      : string | undefined
}

const JWT_FLAGS = ['ws-shared-secret-file', 'ws-issuer', 'ws-audience', 'ws-max-clock-skew-seconds'] as const
const BEARER_FLAGS = ['ws-auth', 'ws-token-file', 'ws-token-sha256', ...JWT_FLAGS] as const
const OTHER_FLAGS = [
  'capability-url',
  'allow-local-users',
  'allow-unauthenticated',
  'allow-host',
  'allow-origin',
] as const

/**
 * Checks the authentication options against each other and the listen address. Unauthenticated access to an address
 * that other machines can reach needs --allow-unauthenticated.
 * @throws {UsageError}
 */
export function parseAuthentication(values: AuthValues, listen: Listen): AuthenticationOptions {
  if (listen.kind === 'stdio') return refuseOnStdio(values)
  const authentication = values['capability-url'] === true ? capabilityUrl(values) : bearer(values)
  const isOpen = authentication.kind === 'none' && values['allow-unauthenticated'] !== true
  if (isOpen && listen.kind === 'websocket' && !isLoopbackAddress(listen.address)) {
    throw failure(
      `${listen.address} can be reached by others, who could run commands here: use --capability-url or --ws-auth, ` +
        'or listen on 127.0.0.1, or give --allow-unauthenticated to let in everyone',
    )
  }
  return authentication
}

/**
 * Whether only the server's own user and root may connect: on loopback without authentication. Other addresses are
 * reached from other machines, whose users are unknown.
 * @throws {UsageError} for --allow-local-users on a unix socket
 */
export function parseOwnUserOnly(values: AuthValues, listen: Listen, { kind }: AuthenticationOptions): boolean {
  const isOpened = values['allow-local-users'] === true
  if (isOpened && listen.kind === 'unix')
    throw failure('--allow-local-users requires a WebSocket listener: a unix socket lets in its own user and root only')
  return kind === 'none' && listen.kind === 'websocket' && isLoopbackAddress(listen.address) && !isOpened
}

function refuseOnStdio(values: AuthValues): AuthenticationOptions {
  if (BEARER_FLAGS.some((name) => values[name] !== undefined))
    throw failure('WebSocket auth requires a WebSocket listener, not stdio')
  const other = OTHER_FLAGS.find((name) => values[name] !== undefined)
  if (other !== undefined) throw failure(`--${other} requires a WebSocket listener, not stdio`)
  return { kind: 'none' }
}

function capabilityUrl(values: AuthValues): AuthenticationOptions {
  const other = BEARER_FLAGS.find((name) => values[name] !== undefined && name !== 'ws-token-file')
  if (other !== undefined) throw new UsageError(`--capability-url cannot be used with --${other}`, 2)
  return { kind: 'capability-url', tokenFile: nonEmpty(values, 'ws-token-file') }
}

function bearer(values: AuthValues): AuthenticationOptions {
  switch (values['ws-auth']) {
    case 'capability-token':
      return { kind: 'capability-token', token: tokenSource(values) }
    case 'signed-bearer-token':
      return signedBearer(values)
    case undefined: {
      if (BEARER_FLAGS.every((name) => values[name] === undefined)) return { kind: 'none' }
      throw failure('websocket auth flags require `--ws-auth capability-token` or `--ws-auth signed-bearer-token`')
    }
    default:
      throw new UsageError(`--ws-auth takes capability-token or signed-bearer-token, not '${values['ws-auth']}'`, 2)
  }
}

function tokenSource(values: AuthValues): TokenSource {
  if (JWT_FLAGS.some((name) => values[name] !== undefined)) {
    throw failure(
      '`--ws-shared-secret-file`, `--ws-issuer`, `--ws-audience`, and `--ws-max-clock-skew-seconds` require `--ws-auth signed-bearer-token`',
    )
  }
  const file = nonEmpty(values, 'ws-token-file')
  const sha256 = nonEmpty(values, 'ws-token-sha256')
  if (file !== undefined && sha256 !== undefined)
    throw failure('`--ws-token-file` and `--ws-token-sha256` are mutually exclusive')
  if (file !== undefined) return { file }
  if (sha256 === undefined)
    throw failure('`--ws-token-file` or `--ws-token-sha256` is required when `--ws-auth capability-token` is set')
  if (!/^[0-9a-f]{64}$/i.test(sha256)) throw failure('--ws-token-sha256 must be a 64-character hex SHA-256 digest')
  return { sha256 }
}

function signedBearer(values: AuthValues): AuthenticationOptions {
  if (values['ws-token-file'] !== undefined || values['ws-token-sha256'] !== undefined) {
    throw failure(
      '`--ws-token-file` and `--ws-token-sha256` require `--ws-auth capability-token`, not `signed-bearer-token`',
    )
  }
  const secretFile = nonEmpty(values, 'ws-shared-secret-file')
  if (secretFile === undefined)
    throw failure('`--ws-shared-secret-file` is required when `--ws-auth signed-bearer-token` is set')
  return {
    kind: 'signed-bearer-token',
    secretFile,
    issuer: trimmed(values['ws-issuer']),
    audience: trimmed(values['ws-audience']),
    skewSeconds: skewSeconds(values['ws-max-clock-skew-seconds']),
  }
}

function skewSeconds(value: string | undefined): number {
  if (value === undefined) return DEFAULT_SKEW_SECONDS
  if (/^[0-9]{1,5}$/.test(value) && Number(value) <= MAX_SKEW_SECONDS) return Number(value)
  throw new UsageError(
    `--ws-max-clock-skew-seconds takes a whole number from 0 to ${MAX_SKEW_SECONDS}, not '${value}'`,
    2,
  )
}

/**
 * An optional value that must not be empty.
 * @throws {UsageError}
 */
function nonEmpty(
  values: AuthValues,
  name: 'ws-token-file' | 'ws-token-sha256' | 'ws-shared-secret-file',
): string | undefined {
  if (values[name] === '') throw new UsageError(`--${name} takes a value that is not empty`, 2)
  return values[name]
}

const trimmed = (value: string | undefined): string | undefined => value?.trim() || undefined

const failure = (message: string): UsageError => new UsageError(message, 2)
