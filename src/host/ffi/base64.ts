/**
 * Base64 straight into memory. The runtime encodes only to strings, which take four times as long to copy, and most of the
 * processor time of the garbage collector in a flood of output. The function is the one that the runtime itself uses.
 */
import { base64Length } from '../../core/base/json-fragments.ts'
import { functions } from './functions.ts'
import type { Functions } from './symbols.ts'

type Encode = (bytes: Uint8Array, target: Uint8Array) => void

/** The alphabet of RFC 4648 with padding. */
const STANDARD = 0n

let found: { encode: Encode | undefined } | undefined

/** Encodes into memory that has room for the whole of it. Undefined where that is not possible. */
export function base64Encoder(): Encode | undefined {
  found ??= { encode: encoderOf(functions()) }
  return found.encode
}

/** Undefined without the function, or if it does not do what it should. */
export function encoderOf(calls: Functions): Encode | undefined {
  const binaryToBase64 = calls._ZN7simdutf16binary_to_base64EPKcmPcNS_14base64_optionsE
  if (binaryToBase64 === undefined) return undefined
  const encode: Encode = (bytes, target) => {
    if (target.length < base64Length(bytes.length)) throw new RangeError('no room for base64')
    binaryToBase64(bytes, BigInt(bytes.length), target, STANDARD)
  }
  const probe = new Uint8Array(8)
  encode(new TextEncoder().encode('\xff'), probe)
  return new TextDecoder().decode(probe) === 'w78=\0\0\0\0' ? encode : undefined
}
