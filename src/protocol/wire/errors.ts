/** The error codes of the protocol. */
export const ErrorCode = {
  /** Malformed message, wrong state, unknown process or session, refused path. */
  InvalidRequest: -32600,
  MethodNotFound: -32601,
  InvalidParams: -32602,
  /** Whatever the operating system refused without a more exact code. */
  Internal: -32603,
  /** A file or directory that does not exist. The only code that clients tell apart for files. */
  NotFound: -32004,
  /** A bound of the server was met, or it is about to end: nothing was done. */
  Overloaded: -32001,
  /** The session is held by a live connection; clients from 0.150 on wait and try again. */
  SessionAttached: -32010,
} as const

/** A failure that is answered to the client as a JSON-RPC error object. */
export class RpcError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** What whatever was thrown has to say. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export const invalidRequest = (message: string): RpcError => new RpcError(ErrorCode.InvalidRequest, message)
export const invalidParams = (message: string): RpcError => new RpcError(ErrorCode.InvalidParams, message)
export const overloaded = (message: string): RpcError => new RpcError(ErrorCode.Overloaded, message)
export const internalError = (message: string): RpcError => new RpcError(ErrorCode.Internal, message)
