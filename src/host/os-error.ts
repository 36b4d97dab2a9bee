/** Converts operating system errors to protocol errors. */
import { closeSync, openSync } from 'node:fs'
import { escapeControlChars } from '../base/control-chars.ts'
import { errorCode, osErrorText, reasonOf } from '../base/os-error-text.ts'
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

/** Characters of a path in a message. */
const MAX_SHOWN = 300

/** A path or a search path, as a message shows it: in one line. */
export function shownPath(path: string): string {
  return escapeControlChars(path.length > MAX_SHOWN ? `${path.slice(0, MAX_SHOWN)}…` : path)
}

/** An errno in `code`, as errors of the system have it, and what it is about. */
export class StartFailure extends Error {
  readonly code: string

  /** `about` is a clause such as "working directory /x does not exist on this devbox". */
  constructor(code: string, about: string) {
    super(`${about}: ${osErrorText(code)}`)
    this.code = code
  }
}

/** Converts the error of a failed spawn, to an internal error. An RpcError is returned as it is. */
export function spawnError(error: unknown): RpcError {
  if (error instanceof RpcError) return error
  if (error instanceof StartFailure) return new RpcError(ErrorCode.Internal, error.message)
  const code = errorCode(error)
  const isOfFile = syscallOf(error)?.startsWith('spawn') === true && FILE_ERRORS.includes(code ?? '')
  const missing = isOfFile ? nullDeviceFailure() : undefined
  if (missing !== undefined) return new RpcError(ErrorCode.Internal, `cannot start a command: ${missing}`)
  return new RpcError(ErrorCode.Internal, code === undefined ? String(error) : osErrorText(code))
}

const FILE_ERRORS = ['ENOENT', 'EACCES', 'EPERM', 'ENXIO', 'ENODEV']

/** `spawn`, or `spawn FILE`: the program was looked at before, so the failure may be of something else. */
function syscallOf(error: unknown): string | undefined {
  const syscall = error instanceof Error && 'syscall' in error ? error.syscall : undefined
  return typeof syscall === 'string' ? syscall : undefined
}

/** Why /dev/null, which is the stdin of most commands, cannot be opened; undefined if it can. */
export function nullDeviceFailure(): string | undefined {
  try {
    closeSync(openSync('/dev/null', 'r+'))
    return undefined
  } catch (error) {
    return `/dev/null cannot be opened: ${reasonOf(error)}`
  }
}
