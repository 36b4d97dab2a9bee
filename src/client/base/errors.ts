/** What can go wrong on this side of the wire. What the server refuses is an {@link RpcError}. */

export { ErrorCode, messageOf, RpcError } from '../../protocol/wire/errors.ts'

/** No connection came about: the server is not there, refused us, or did not answer the handshake in time. */
export class ConnectError extends Error {
  override name = 'ConnectError'
  /** Whether another attempt may go better. */
  readonly isTransient: boolean
  constructor(message: string, { isTransient = false, cause }: { isTransient?: boolean; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.isTransient = isTransient
  }
}

/**
 * The connection was lost while this was under way. Whether the server has done it is not known, unless the message says so.
 * After a recovery the client goes on; without one every later call fails with the same reason.
 */
export class DisconnectedError extends Error {
  override name = 'DisconnectedError'
  /** What ended the connection, without "the connection was lost". */
  readonly reason: string
  constructor(reason: string) {
    super(`the connection to the exec-server was lost: ${reason}`)
    this.reason = reason
  }
}

/** Output is gone that nobody can bring back: more came than is kept, while nobody took it. */
export class OutputLostError extends Error {
  override name = 'OutputLostError'
  /** The first number that is there again. */
  readonly resumesAtSeq: number
  constructor(processId: string, afterSeq: number, resumesAtSeq: number) {
    super(`output of process ${processId} was lost: nothing is kept between number ${afterSeq} and ${resumesAtSeq}`)
    this.resumesAtSeq = resumesAtSeq
  }
}

/** The peer broke the protocol. */
export class ProtocolError extends Error {
  override name = 'ProtocolError'
}

/** The peer does not know this method, or cannot do this. */
export class UnsupportedError extends Error {
  override name = 'UnsupportedError'
}
