/**
 * Makes the gate that the command line asks for. Secrets are read here, once; of tokens only the digest is kept.
 * The modes of --ws-auth and what they answer are the reference's.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import process from 'node:process'
import type { AuthenticationOptions, TokenSource } from './authentication-options.ts'
import type { Credentials, Gate, AuthResult } from './authenticator.ts'
import { readSecret } from '../../base/secret-file.ts'
import { UsageError } from '../../base/usage-error.ts'

/** 256 bits: nobody tries them all. */
const TOKEN_BYTES = 32

/** A token of less characters in a URL could be found by trying. */
const MIN_TOKEN = 16

/** HMAC-SHA-256's own strength. The reference's figure. */
const MIN_SHARED_SECRET_BYTES = 32

/** What a path holds without escapes, in every client's spelling. */
const URL_SAFE = /^[A-Za-z0-9_-]+$/

/** The gate, and the path that the printed URL must have. */
export function makeGate(authentication: Exclude<AuthenticationOptions, { kind: 'none' }>): {
  gate: Gate
  path: string
} {
  switch (authentication.kind) {
    case 'capability-url':
      return capabilityUrlGate(authentication.tokenFile)
    case 'capability-token':
      return { gate: capabilityTokenGate(authentication.token), path: '' }
    case 'signed-bearer-token':
      return { gate: signedBearerGate(authentication), path: '' }
  }
}

function capabilityUrlGate(tokenFile: string | undefined): { gate: Gate; path: string } {
  const token = tokenFile === undefined ? randomBytes(TOKEN_BYTES).toString('base64url') : readUrlToken(tokenFile)
  scrubSecretsFromEnv(token)
  const matches = isToken(digestOf(token))
  const judge = ({ token: given }: Credentials): AuthResult => {
    if (given === undefined) return 'missing capability: connect to the URL that the server printed'
    return matches(given) ? undefined : 'invalid capability: connect to the URL that the server printed'
  }
  return { gate: { prefix: '/c/:token', judge }, path: `/c/${token}` }
}

function readUrlToken(file: string): string {
  const token = readSecret(file)
  if (URL_SAFE.test(token) && token.length >= MIN_TOKEN) return token
  throw new UsageError(
    `error: the token in ${file} must have ${MIN_TOKEN} or more letters, digits, - and _, to stand in a URL`,
    2,
  )
}

function capabilityTokenGate(source: TokenSource): Gate {
  const matches = isToken(tokenDigest(source))
  return bearerGate((token) => (matches(token) ? undefined : 'invalid websocket bearer token'))
}

function tokenDigest(source: TokenSource): Buffer {
  if ('sha256' in source) return Buffer.from(source.sha256, 'hex')
  const token = readSecret(source.file)
  scrubSecretsFromEnv(token)
  return digestOf(token)
}

function signedBearerGate(options: Extract<AuthenticationOptions, { kind: 'signed-bearer-token' }>): Gate {
  const secret = readSecret(options.secretFile)
  if (Buffer.byteLength(secret) < MIN_SHARED_SECRET_BYTES) {
    throw new UsageError(
      `Error: signed websocket bearer secret ${options.secretFile} must be at least ${MIN_SHARED_SECRET_BYTES} bytes`,
      1,
    )
  }
  scrubSecretsFromEnv(secret)
  // The library is loaded when the first token comes.
  let judge: Promise<(token: string) => Promise<AuthResult>> | undefined
  return bearerGate(async (token) => {
    judge ??= import('./bearer-jwt.ts').then(({ jwtJudge }) => jwtJudge(Buffer.from(secret), options))
    return (await judge)(token)
  })
}

function bearerGate(judgeToken: (token: string) => AuthResult | Promise<AuthResult>): Gate {
  return {
    prefix: '',
    judge: ({ authorization }) => {
      if (authorization === undefined) return 'missing websocket bearer token'
      const space = authorization.indexOf(' ')
      const token = authorization.slice(space + 1).trim()
      if (authorization.slice(0, space).toLowerCase() !== 'bearer' || !PRINTABLE.test(token))
        return 'invalid authorization header'
      return judgeToken(token)
    },
  }
}

/** What a header may hold, and be read the same by everybody. */
const PRINTABLE = /^[\x20-\x7e]+$/

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** Digests are of one length, and comparing them in constant time tells nothing of the token. */
const isToken =
  (digest: Buffer) =>
  (text: string): boolean =>
    timingSafeEqual(digestOf(text), digest)

/**
 * Commands inherit the server's environment, and somebody may have exported the token or the URL for a client.
 * What is too short to be a secret is left alone: it may be part of anything.
 */
function scrubSecretsFromEnv(secret: string): void {
  if (secret.length < MIN_TOKEN) return
  for (const [name, value] of Object.entries(process.env)) if (value?.includes(secret)) delete process.env[name]
}
