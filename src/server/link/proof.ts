/** Proofs that an end of a reverse connection knows the secret that both share. The secret itself is never sent. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** The subprotocol of links, with the version of their handshake. It is part of each proof. */
export const LINK_PROTOCOL = 'exec-server-link.1'

/** 256 bits: never drawn twice, so no proof is of use for another connection. */
const NONCE_BYTES = 32

/** What a devbox tells about itself: a number of the server's run, and the machine's name. */
export type Identity = { instance: string; host: string }

/** Everything that a proof covers: the nonces of both ends, and the devbox's identity. */
export type Transcript = Identity & { challenge: string; nonce: string }

/** The end that proves itself. Neither can send back the other's proof. */
export type Role = 'devbox' | 'accept'

/** A number that has never been used. */
export const newNonce = (): string => randomBytes(NONCE_BYTES).toString('base64url')

/** The proof of one end for this connection. */
export function proofOf(secret: string, role: Role, { challenge, nonce, instance, host }: Transcript): string {
  const covered = JSON.stringify([LINK_PROTOCOL, role, challenge, nonce, instance, host])
  return createHmac('sha256', secret).update(covered).digest('base64url')
}

/** Compares in constant time. */
export function isProof(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
