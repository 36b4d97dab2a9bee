/** Converts operating system errors to protocol errors. */
import { errorCode, osErrorText } from '../base/os-error-text.ts'
import { ErrorCode, RpcError } from '../protocol/wire/errors.ts'

/**
 * Converts the error of a file call: ENOENT is not-found; permission and argument errors are invalid-request; all
 * others are internal. An RpcError is returned as it is.
 */
export function fileError(error: unknown): RpcError {
  if (error instanceof RpcError) return error
  const code = errorCode(error)
  if (code === undefined) return new RpcError(ErrorCode.Internal, String(error))
  return new RpcError(fileErrorCode(code), osErrorText(code))
}

function fileErrorCode(code: string): number {
  switch (code) {
    case 'ENOENT':
      return ErrorCode.NotFound
    case 'EACCES':
    case 'EPERM':
    case 'EINVAL':
    case 'ERR_INVALID_ARG_VALUE':
      return ErrorCode.InvalidRequest
    default:
      return ErrorCode.Internal
  }
}

/** Converts the error of a failed spawn, to an internal error. An RpcError is returned as it is. */
export function spawnError(error: unknown): RpcError {
  if (error instanceof RpcError) return error
  const code = errorCode(error)
  return new RpcError(ErrorCode.Internal, code === undefined ? String(error) : osErrorText(code))
}
