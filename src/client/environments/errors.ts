/** What can go wrong with environments, beside what can go wrong with their connections. */
import { ConnectError, messageOf } from '../base/errors.ts'

/** Environments are configured in a way that makes no sense. The message names the file, the environment and the key. */
export class EnvironmentConfigError extends Error {
  override name = 'EnvironmentConfigError'
}

/** An environment cannot be used now. `cause` is why: what `connect` threw, if that was tried. */
export class EnvironmentUnavailableError extends ConnectError {
  override name = 'EnvironmentUnavailableError'
  readonly environmentId: string
  constructor(environmentId: string, cause: unknown) {
    const isTransient = cause instanceof ConnectError && cause.isTransient
    super(`environment \`${environmentId}\` is not available: ${messageOf(cause)}`, { isTransient, cause })
    this.environmentId = environmentId
  }
}
