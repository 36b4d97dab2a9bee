/**
 * The handshake of a link, over its open WebSocket: `accept` sends a challenge, the devbox proves that it knows the
 * secret, and then `accept` does. Until then neither end serves anything.
 */
import { clearTimeout, setTimeout } from 'node:timers'
import * as v from 'valibot'
import type { RawData, WebSocket } from 'ws'
import type { LinkLimits } from './link-limits.ts'
import { isProof, newNonce, proofOf } from './proof.ts'
import type { Identity, Transcript } from './proof.ts'

/** Close codes of links, which tell the other end why: the private range of RFC 6455, section 7.4.2. */
export const LinkClose = { WrongSecret: 4401, Refused: 4409, BadMessage: 4400, Timeout: 4408 } as const

/** What both ends need. `secret` is the shared one. */
export type HandshakeOptions = { secret: string; limits: Pick<LinkLimits, 'linkHandshakeMs' | 'linkGreetingBytes'> }

/** Called once, in the very event that ends the handshake, so that no message is missed. */
export type Done<T> = (outcome: { proven: T } | { failure: string }) => void

/** Characters of a nonce or a proof: 32 bytes in base64url. */
const DIGEST = v.pipe(v.string(), v.regex(/^[\w-]{43}$/))
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(255))

const challengeMessage = v.object({ challenge: DIGEST })
const devboxMessage = v.object({ nonce: DIGEST, instance: name, host: name, proof: DIGEST })
const acceptMessage = v.object({ proof: DIGEST })

/** Ends the handshake: the link is closed with this code, and the text as the reason. */
class HandshakeError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** The devbox's end. Succeeds once `accept` has proven that it knows the secret. */
export function proveAsDevbox(
  websocket: WebSocket,
  { secret, limits, identity }: HandshakeOptions & { identity: Identity },
  done: Done<undefined>,
): void {
  let transcript: Transcript | undefined
  receiveUntil(websocket, limits, done, (message) => {
    if (transcript === undefined) {
      const { challenge } = parsed(challengeMessage, message)
      transcript = { ...identity, challenge, nonce: newNonce() }
      const { nonce } = transcript
      websocket.send(JSON.stringify({ ...identity, nonce, proof: proofOf(secret, 'devbox', transcript) }))
      return undefined
    }
    const { proof } = parsed(acceptMessage, message)
    if (!isProof(proof, proofOf(secret, 'accept', transcript)))
      throw new HandshakeError(LinkClose.WrongSecret, 'accept has another secret')
    return { proven: undefined }
  })
}

/**
 * The end of `accept`. Succeeds with the identity of a devbox that knows the secret. `refuse` says why a proven one is not
 * wanted, if so.
 */
export function proveAsAccept(
  websocket: WebSocket,
  { secret, limits, refuse }: HandshakeOptions & { refuse: (identity: Identity) => string | undefined },
  done: Done<Identity>,
): void {
  const challenge = newNonce()
  receiveUntil(websocket, limits, done, (message) => {
    const { nonce, instance, host, proof } = parsed(devboxMessage, message)
    const transcript = { challenge, nonce, instance, host }
    if (!isProof(proof, proofOf(secret, 'devbox', transcript)))
      throw new HandshakeError(LinkClose.WrongSecret, 'the devbox has another secret')
    const refusal = refuse({ instance, host })
    if (refusal !== undefined) throw new HandshakeError(LinkClose.Refused, refusal)
    websocket.send(JSON.stringify({ proof: proofOf(secret, 'accept', transcript) }))
    return { proven: { instance, host } }
  })
  websocket.send(JSON.stringify({ challenge }))
}

/** Gives messages to `step` until it returns a result, throws, or the time is up. */
function receiveUntil<T>(
  websocket: WebSocket,
  { linkHandshakeMs, linkGreetingBytes }: HandshakeOptions['limits'],
  done: Done<T>,
  step: (message: unknown) => { proven: T } | undefined,
): void {
  const finish = (outcome: { proven: T } | { failure: string }): void => {
    clearTimeout(timer)
    websocket.off('message', onMessage).off('close', onClose)
    done(outcome)
  }
  const fail = (code: number, failure: string): void => {
    finish({ failure })
    websocket.close(code, failure)
  }
  const onClose = (code: number, reason: Buffer): void =>
    finish({ failure: reason.length > 0 ? reason.toString() : `the other end closed the link with ${code}` })
  const onMessage = (data: RawData, isBinary: boolean): void => {
    try {
      const text = isBinary ? '' : data.toString()
      if (isBinary || text.length > linkGreetingBytes)
        throw new HandshakeError(LinkClose.BadMessage, 'not a message of this handshake')
      const result = step(json(text))
      if (result !== undefined) finish(result)
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error
      fail(error.code, error.message)
    }
  }
  const timer = setTimeout(() => fail(LinkClose.Timeout, 'the handshake took too long'), linkHandshakeMs)
  websocket.on('message', onMessage).on('close', onClose)
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function parsed<T>(schema: v.GenericSchema<unknown, T>, message: unknown): T {
  const result = v.safeParse(schema, message)
  if (result.success) return result.output
  throw new HandshakeError(LinkClose.BadMessage, 'not a message of this handshake')
}
