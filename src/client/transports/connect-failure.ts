/** Says why a WebSocket could not be opened, and what seems to be at the other end if it is no exec-server. */
import { ConnectError, messageOf } from '../base/errors.ts'

/** HTTP statuses worth a retry: a token being renewed, a proxy whose server is not up yet. */
const TRANSIENT_STATUSES = [401, 408, 409, 425, 429, 500, 502, 503, 504]

/** Characters of a peer's text in a message. */
const SHOWN_CHARS = 300

/** The first bytes of a TLS alert and of a handshake: the content type, and the major version. */
const TLS_TYPES = [0x15, 0x16]
const TLS_MAJOR = 3

/** OpenSSL's codes for an answer that is no TLS. */
const NO_TLS_CODES = ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_HTTP_REQUEST']

/** OpenSSL's codes for a certificate that leads to no trusted one. */
const UNTRUSTED_CODES = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]

/** An HTTP answer other than the upgrade. `server` is the header of that name. */
export type Refusal = { status: number; body: string; server: string | undefined }

/** The error for an HTTP answer other than the upgrade. `name` is the server's, without secrets. */
export function refusalError(name: string, { status, body, server }: Refusal): ConnectError {
  const isTransient = TRANSIENT_STATUSES.includes(status)
  const text = firstLine(body)
  if (status === 400 && /\bHTTPS\b/.test(body)) return new ConnectError(`${name} speaks TLS: use wss://`)
  // Neither this server nor Codex's names itself, or answers an upgrade with success or a redirect.
  if (status < 400 || (server !== undefined && status < 500)) {
    const who = server === undefined ? '' : ` from ${server.slice(0, SHOWN_CHARS)}`
    return new ConnectError(`another program answers at ${name}: HTTP status ${status}${who}`, { isTransient })
  }
  const why = text === '' ? '' : `: ${text}`
  return new ConnectError(`${name} refused the connection with HTTP status ${status}${why}`, { isTransient, status })
}

/** The error for a socket that could not be opened, or a peer that does not speak HTTP. */
export function socketError(name: string, error: Error): ConnectError {
  const code = 'code' in error ? String(error.code) : ''
  const said = describeBytes('rawPacket' in error ? error.rawPacket : undefined)
  const isNotTls = NO_TLS_CODES.includes(code) || (code === 'EPROTO' && /wrong version number/.test(error.message))
  const message =
    said !== undefined
      ? said(name)
      : isNotTls
        ? `${name} does not speak TLS: use ws://`
        : (certificateFault(name, code, error) ?? unspecific(name, error))
  return new ConnectError(message, { isTransient: true, cause: error })
}

const unspecific = (name: string, error: Error): string =>
  error.message === 'socket hang up'
    ? `${name} closed the connection without an answer`
    : `cannot connect to ${name}: ${messageOf(error)}`

/** What is wrong with the server's certificate. */
function certificateFault(name: string, code: string, error: Error): string | undefined {
  if (UNTRUSTED_CODES.includes(code)) return `the certificate of ${name} is not of an authority that is trusted here`
  if (code === 'CERT_HAS_EXPIRED') return `the certificate of ${name} has expired`
  if (code === 'CERT_NOT_YET_VALID') return `the certificate of ${name} is not valid yet`
  if (code !== 'ERR_TLS_CERT_ALTNAME_INVALID') return undefined
  return `the certificate of ${name} is for other names: ${namesIn(error).slice(0, SHOWN_CHARS)}`
}

function namesIn(error: Error): string {
  const certificate: unknown = 'cert' in error ? error.cert : undefined
  const isKnown = typeof certificate === 'object' && certificate !== null && 'subjectaltname' in certificate
  return isKnown ? String(certificate.subjectaltname).replaceAll(/(DNS|IP Address):/g, '') : 'none'
}

/** Recognizes what answered with something that is no HTTP. Undefined if there are no bytes. */
function describeBytes(bytes: unknown): ((name: string) => string) | undefined {
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) return undefined
  if (TLS_TYPES.includes(bytes[0] as number) && bytes[1] === TLS_MAJOR)
    return (name) => `${name} speaks TLS: use wss://`
  const text = firstLine(new TextDecoder().decode(bytes.subarray(0, SHOWN_CHARS)))
  if (text.startsWith('SSH-')) return (name) => `an SSH server answers at ${name}, not an exec-server`
  return (name) => `another program answers at ${name}, without HTTP: ${JSON.stringify(text)}`
}

const firstLine = (text: string): string => (text.trim().split(/\r?\n/, 1)[0] as string).slice(0, SHOWN_CHARS)
