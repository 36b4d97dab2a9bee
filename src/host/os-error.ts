/** Failures of the operating system as errors of the protocol. */
import { errorCode, osErrorText } from '../base/os-error-text.ts'
import { ErrorCode, RpcError } from '../protocol/wire/errors.ts'

/** A failed file call. A missing file has its own code; what is forbidden is the request's fault; the rest the system's. */
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

/** A process that could not be started. */
export function spawnError(error: unknown): RpcError {
  if (error instanceof RpcError) return error
  const code = errorCode(error)
  return new RpcError(ErrorCode.Internal, code === undefined ? String(error) : osErrorText(code))
}
