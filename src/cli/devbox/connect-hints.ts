/** What to do about a connection that could not be opened. */
import { errorCode } from '../../base/os-error-text.ts'
import { ConnectError } from '../../client/base/errors.ts'
import type { TargetValues } from './options.ts'

/** By HTTP status of the refusal; what the server itself says stands in the message. */
const BY_STATUS: Readonly<Record<number, string>> = {
  403: 'it may not know the name that you call it by: use the IP address, or start it with --allow-host NAME',
  404: 'its path is that of the URL that the server printed: none, or /c/TOKEN with --capability-url',
  503: 'close connections, or start the server with a higher --max-connections',
}

const UNTRUSTED = '--tls-ca FILE names a file with its authority, or with the certificate itself'

/** By the code of the system or of OpenSSL. */
const BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: is the server up? Without a port in --listen it changes at each start',
  ECONNRESET: 'another program may listen there; one that speaks TLS needs wss://',
  ENOENT: 'no server listens on such a socket',
  EACCES: 'a unix socket lets in the user of its server, and root',
  ENOTFOUND: 'no host has this name',
  EAI_AGAIN: 'the name could not be looked up',
  EHOSTUNREACH: 'there is no route to it from here',
  ETIMEDOUT: 'it does not answer: a firewall, or a machine that is off',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_HAS_EXPIRED: 'renew it: the server reads it again when its file changes; or is the clock here wrong?',
  CERT_NOT_YET_VALID: 'is the clock here wrong, or that of the machine that made it?',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'call it by a name in the certificate; with --tls-self-signed, --allow-host NAME adds one at the next start',
}

/** Lines for stderr, below the error. */
export function connectHints(error: unknown, values: TargetValues): string[] {
  if (!(error instanceof ConnectError)) return []
  if (error.status === 401) return [unauthorized(values)]
  // What this server says of it is in the message, with what to do.
  if (error.status === 403 && !error.message.endsWith(' 403')) return []
  const hint = BY_STATUS[error.status ?? 0] ?? BY_CODE[codeOf(error) ?? '']
  return hint === undefined ? [] : [hint]
}

/** The server asks for a token: which there is none of, or which is wrong. */
function unauthorized({ url, 'bearer-token-file': tokenFile }: TargetValues): string {
  if (tokenFile !== undefined) return `is the token in ${tokenFile} the server's?`
  const token = url === undefined ? 'auth_bearer_token in environments.toml' : '--bearer-token-file PATH'
  return `use the whole URL that it printed, /c/TOKEN included; with --ws-auth, ${token}`
}

/** The code of the first error with one, along the causes; that of a program which cannot be started says all itself. */
function codeOf(error: unknown): string | undefined {
  for (let each = error; each instanceof Error; each = each.cause) {
    const code = errorCode(each)
    if (code !== undefined) return 'syscall' in each && String(each.syscall).startsWith('spawn') ? undefined : code
  }
  return undefined
}
