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
    const isTransient = cause instanceof ConnectError && cause.isTransient
    super(`environment \`${environmentId}\` is not available: ${messageOf(cause)}`, { isTransient, cause })
    this.environmentId = environmentId
  }
}
