/** The errors of network connections. */
import { isIPv6 } from 'node:net'
import { escapeControlChars } from '../../base/control-chars.ts'
import { reasonOf } from '../../base/os-error-text.ts'
import type { NetTarget } from '../../protocol/schemas/net.ts'
import { internalError, invalidRequest } from '../../protocol/wire/errors.ts'
import type { RpcError } from '../../protocol/wire/errors.ts'

/** A target, as a message shows it. */
export function shownTarget(target: NetTarget): string {
  if ('path' in target) return escapeControlChars(target.path)
  const { host, port } = target
  return escapeControlChars(`${isIPv6(host) ? `[${host}]` : host}:${port}`)
}

/** The policy does not allow it. `what` is a clause such as "connecting to". */
export const refusal = (what: string, target: NetTarget): RpcError =>
  invalidRequest(`${what} ${shownTarget(target)} is not allowed by this server's --forward-policy`)

/** It does not work. */
export const netFailure = (target: NetTarget, error: unknown): RpcError =>
  internalError(`${shownTarget(target)}: ${causeOf(error)}`)

/** Where several addresses were tried, each has failed: one reason each. */
function causeOf(error: unknown): string {
  if (!(error instanceof AggregateError) || error.errors.length === 0) return nameFailure(error) ?? reasonOf(error)
  return [...new Set(error.errors.map(reasonOf))].join('; ')
}

/** A name that cannot be resolved. The codes of the resolver are no errors of the system. */
function nameFailure(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOTFOUND') return 'no such host'
  return code === 'EAI_AGAIN' ? 'the name cannot be resolved for now' : undefined
}
