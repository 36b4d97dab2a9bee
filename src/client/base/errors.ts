/** Errors raised by the client. What the server refuses is an RpcError. */

export { ErrorCode, messageOf, RpcError } from '../../protocol/wire/errors.ts'

/** The connection could not be opened: the server is unreachable, rejected it, or timed out during the handshake. */
export class ConnectError extends Error {
  override name = 'ConnectError'
  /** Whether a retry may succeed. */
  readonly isTransient: boolean
  /** The HTTP status with which the server refused the connection, if it did. */
  readonly status: number | undefined
  constructor(
    message: string,
    {
      isTransient = false,
      status,
      cause,
    }: { isTransient?: boolean; status?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.isTransient = isTransient
    this.status = status
  }
}

/**
 * The connection was lost during the call. Unless the message says so, it is unknown whether the server carried out the
 * call. After a recovery the client works again; without one every later call fails with the same reason.
 */
export class DisconnectedError extends Error {
  override name = 'DisconnectedError'
  /** The cause alone, without "the connection was lost". */
  readonly reason: string
  constructor(reason: string) {
    super(`the connection to the exec-server was lost: ${reason}`)
    this.reason = reason
  }
}

/** Output was dropped from every buffer before it was read: the process wrote more than is kept. */
export class OutputLostError extends Error {
  override name = 'OutputLostError'
  /** The sequence number of the first event that is still available. */
  readonly resumesAtSeq: number
  constructor(processId: string, afterSeq: number, resumesAtSeq: number) {
    super(`output of process ${processId} was lost: nothing is kept between number ${afterSeq} and ${resumesAtSeq}`)
    this.resumesAtSeq = resumesAtSeq
  }
}

/** The server violated the protocol. */
export class ProtocolError extends Error {
  override name = 'ProtocolError'
}

/** The server lacks this method or feature. */
export class UnsupportedError extends Error {
  override name = 'UnsupportedError'
}
