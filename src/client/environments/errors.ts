/** Errors of environments, in addition to those of connections. */
import { ConnectError, messageOf } from '../base/errors.ts'

/** The configuration is invalid. The message names the file, the environment and the key. */
export class EnvironmentConfigError extends Error {
  override name = 'EnvironmentConfigError'
}

/** The environment cannot be used now. `cause` is the reason: the error of `connect`, if it was called. */
export class EnvironmentUnavailableError extends ConnectError {
  override name = 'EnvironmentUnavailableError'
  readonly environmentId: string
  constructor(environmentId: string, cause: unknown) {
    const { isTransient = false, status } = cause instanceof ConnectError ? cause : {}
    super(`environment \`${environmentId}\` is not available: ${messageOf(cause)}`, { isTransient, status, cause })
    this.environmentId = environmentId
  }
}
