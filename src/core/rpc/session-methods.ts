/** Handlers of the environment methods. */
import { EnvironmentConfigReadParams } from '../../protocol/schemas/environment-config.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { invalidRequest } from '../../protocol/wire/errors.ts'
import { NoParams } from '../../protocol/schemas/session.ts'
import { readEnvironmentConfig } from '../codex-config/environment-config.ts'
import { method } from './method.ts'

/** The environment methods, by name. */
export const sessionMethods = {
  [Method.EnvironmentInfo]: method('environment info', NoParams, (_, { host }) => host.environmentInfo()),
  [Method.EnvironmentStatus]: method('environment status', NoParams, () => ({ status: 'ready' })),
  // Ordered as a file read, so that it sees what the same client has just written.
  [Method.EnvironmentConfigRead]: method(
    'environment config',
    EnvironmentConfigReadParams,
    (params, { files, host }) => {
      if (host.requiresSandbox)
        throw invalidRequest(
          'this executor reads no configuration, which is done without a sandbox (--require-sandbox)',
        )
      return files.read(() => readEnvironmentConfig(params, host.configFiles))
    },
  ),
}
