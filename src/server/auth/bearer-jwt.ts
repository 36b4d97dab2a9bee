/** Signed bearer tokens: JWTs with HS256. The messages, and the order of the claim checks, match the reference. */
import { compactVerify } from 'jose'
import { isJsonObject, parseJson } from '../../protocol/wire/json.ts'
import type { JsonObject } from '../../protocol/wire/json.ts'
import type { AuthResult } from './authenticator.ts'

type Options = { issuer: string | undefined; audience: string | undefined; skewSeconds: number }
type Claims = { expires: number; notBefore: number | undefined; issuer: string | undefined; audience: string[] }

const INVALID = 'invalid websocket jwt'

/** RFC 7515, compact serialization: three parts in base64url without padding. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/** Returns a verifier of tokens: resolves with why a token is rejected, or undefined if it is valid. Never rejects. */
export function jwtVerifier(secret: Uint8Array, options: Options): (token: string) => Promise<AuthResult> {
  return async (token) => {
    if (!COMPACT.test(token)) return INVALID
    try {
      const { payload } = await compactVerify(token, secret, { algorithms: ['HS256'] })
      const claims = readClaims(parseJson(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as JsonObject)
      return checkClaims(claims, options, Math.floor(Date.now() / 1000))
    } catch {
      // Do not reveal to the sender what failed.
      return INVALID
    }
  }
}

function checkClaims({ expires, notBefore, issuer, audience }: Claims, options: Options, now: number): AuthResult {
  if (now > expires + options.skewSeconds) return 'expired websocket jwt'
  if (notBefore !== undefined && now < notBefore - options.skewSeconds) return 'websocket jwt is not valid yet'
  if (options.issuer !== undefined && issuer !== options.issuer) return 'websocket jwt issuer mismatch'
  if (options.audience !== undefined && !audience.includes(options.audience)) return 'websocket jwt audience mismatch'
  return undefined
}

/**
 * Reads the claims to check; only `exp` is required.
 * @throws {TypeError} if one has the wrong type
 */
function readClaims(payload: JsonObject): Claims {
  if (!isJsonObject(payload)) throw new TypeError(INVALID)
  const { exp, nbf, iss, aud } = payload
  return {
    expires: seconds(exp),
    notBefore: nbf === undefined || nbf === null ? undefined : seconds(nbf),
    issuer: iss === undefined || iss === null ? undefined : text(iss),
    audience: aud === undefined || aud === null ? [] : Array.isArray(aud) ? aud.map(text) : [text(aud)],
  }
}

function seconds(value: unknown): number {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new TypeError(INVALID)
  return Number(value)
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(INVALID)
  return value
}
