/** JSON-RPC error codes of the protocol. */
export const ErrorCode = {
  /** Malformed message, wrong state, unknown process or session, refused path. */
  InvalidRequest: -32600,
  MethodNotFound: -32601,
  InvalidParams: -32602,
  /** An operating system error without a more specific code. */
  Internal: -32603,
  /** A file or directory that does not exist. The only file error that clients distinguish. */
  NotFound: -32004,
  /** A server limit was reached, or the server is shutting down. Nothing was done. */
  Overloaded: -32001,
  /** Another live connection holds the session. Clients from 0.150 on wait and retry. */
  SessionAttached: -32010,
} as const

/** A JSON-RPC error: what a server answers a call that it refuses, and what the client throws then. */
export class RpcError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** The message of any thrown value. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** An {@link RpcError} with code -32600. */
export const invalidRequest = (message: string): RpcError => new RpcError(ErrorCode.InvalidRequest, message)
/** An {@link RpcError} with code -32602. */
export const invalidParams = (message: string): RpcError => new RpcError(ErrorCode.InvalidParams, message)
/** An {@link RpcError} with code -32001. */
export const overloaded = (message: string): RpcError => new RpcError(ErrorCode.Overloaded, message)
/** An {@link RpcError} with code -32603. */
export const internalError = (message: string): RpcError => new RpcError(ErrorCode.Internal, message)
