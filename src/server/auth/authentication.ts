/**
 * Creates the authenticator that the command line asks for. Reads secrets once; of tokens only the digest is kept.
 * The modes of --ws-auth and their messages are those of the reference.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import process from 'node:process'
import type { AuthenticationOptions, TokenSource } from './authentication-options.ts'
import type { Credentials, Authenticator, AuthResult } from './authenticator.ts'
import { eraseVariable } from '../../host/ffi/libc.ts'
import { readSecret } from '../../base/secret-file.ts'
import { UsageError } from '../../base/usage-error.ts'

/** 256 bits: infeasible to guess. */
const TOKEN_BYTES = 32

/** Minimum characters of a token in a URL; a shorter one could be brute-forced. */
const MIN_TOKEN = 16

/** The output size of HMAC-SHA-256, as in the reference. */
const MIN_SHARED_SECRET_BYTES = 32

/** Characters that no client percent-encodes in a path. */
const URL_SAFE = /^[A-Za-z0-9_-]+$/

/**
 * Returns the authenticator, and the path of the URL to print: `/c/TOKEN` for a capability URL, else empty.
 * Removes environment variables that contain the secret.
 * @throws {UsageError} if a secret cannot be read or is too short
 */
export function createAuthenticator(authentication: Exclude<AuthenticationOptions, { kind: 'none' }>): {
  authenticator: Authenticator
  path: string
} {
  switch (authentication.kind) {
    case 'capability-url':
      return capabilityUrlAuthenticator(authentication.tokenFile)
    case 'capability-token':
      return { authenticator: capabilityTokenAuthenticator(authentication.token), path: '' }
    case 'signed-bearer-token':
      return { authenticator: signedBearerAuthenticator(authentication), path: '' }
  }
}

function capabilityUrlAuthenticator(tokenFile: string | undefined): { authenticator: Authenticator; path: string } {
  const token = tokenFile === undefined ? randomBytes(TOKEN_BYTES).toString('base64url') : readUrlToken(tokenFile)
  scrubSecretsFromEnv(token)
  const matches = isToken(digestOf(token))
  const authenticate = ({ token: given }: Credentials): AuthResult => {
    if (given === undefined) return 'missing capability: connect to the URL that the server printed'
    return matches(given) ? undefined : 'invalid capability: connect to the URL that the server printed'
  }
  return { authenticator: { prefix: '/c/:token', authenticate }, path: `/c/${token}` }
}

function readUrlToken(file: string): string {
  const token = readSecret(file)
  if (URL_SAFE.test(token) && token.length >= MIN_TOKEN) return token
  throw new UsageError(
    `the token in ${file} must have ${MIN_TOKEN} or more letters, digits, - and _, to stand in a URL`,
    2,
  )
}

function capabilityTokenAuthenticator(source: TokenSource): Authenticator {
  const matches = isToken(tokenDigest(source))
  return bearerAuthenticator((token) => (matches(token) ? undefined : 'invalid websocket bearer token'))
}

function tokenDigest(source: TokenSource): Buffer {
  if ('sha256' in source) return Buffer.from(source.sha256, 'hex')
  const token = readSecret(source.file)
  scrubSecretsFromEnv(token)
  return digestOf(token)
}

function signedBearerAuthenticator(
  options: Extract<AuthenticationOptions, { kind: 'signed-bearer-token' }>,
): Authenticator {
  const secret = readSecret(options.secretFile)
  if (Buffer.byteLength(secret) < MIN_SHARED_SECRET_BYTES) {
    throw new UsageError(
      `signed websocket bearer secret ${options.secretFile} must be at least ${MIN_SHARED_SECRET_BYTES} bytes`,
      1,
    )
  }
  scrubSecretsFromEnv(secret)
  // Load the JWT library with the first token.
  let verify: Promise<(token: string) => Promise<AuthResult>> | undefined
  return bearerAuthenticator(async (token) => {
    verify ??= import('./bearer-jwt.ts').then(({ jwtVerifier }) => jwtVerifier(Buffer.from(secret), options))
    return (await verify)(token)
  })
}

function bearerAuthenticator(verifyToken: (token: string) => AuthResult | Promise<AuthResult>): Authenticator {
  return {
    prefix: '',
    authenticate: ({ authorization }) => {
      if (authorization === undefined) return 'missing websocket bearer token'
      const space = authorization.indexOf(' ')
      const token = authorization.slice(space + 1).trim()
      if (authorization.slice(0, space).toLowerCase() !== 'bearer' || !PRINTABLE.test(token))
        return 'invalid authorization header'
      return verifyToken(token)
    },
  }
}

/** Printable ASCII: header bytes that every parser decodes alike. */
const PRINTABLE = /^[\x20-\x7e]+$/

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Compares digests, which have equal length, in constant time: no timing leak. */
const isToken =
  (digest: Buffer) =>
  (text: string): boolean =>
    timingSafeEqual(digestOf(text), digest)

/**
 * Commands inherit the server's environment, where the token or the URL may have been exported for a client.
 * Skips secrets of fewer than MIN_TOKEN characters: they could match unrelated variables.
 */
export function scrubSecretsFromEnv(secret: string): void {
  if (secret.length < MIN_TOKEN) return
  for (const [name, value] of Object.entries(process.env)) {
    if (value?.includes(secret) !== true) continue
    eraseVariable(name)
    delete process.env[name]
  }
}
