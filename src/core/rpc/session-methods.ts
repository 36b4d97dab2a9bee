/** What a client may ask of the executor itself, once the handshake is complete. */
import { EnvironmentConfigReadParams } from '../../protocol/schemas/environment-config.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { NoParams } from '../../protocol/schemas/session.ts'
import { readEnvironmentConfig } from '../codex-config/environment-config.ts'
import { method } from './method.ts'

export const sessionMethods = {
  [Method.EnvironmentInfo]: method('environment info', NoParams, (_, { host }) => host.environmentInfo()),
  [Method.EnvironmentStatus]: method('environment status', NoParams, () => ({ status: 'ready' })),
  // As a read of files, so that it finds what the same client has just written.
  [Method.EnvironmentConfigRead]: method('environment config', EnvironmentConfigReadParams, (params, { files, host }) =>
    files.read(() => readEnvironmentConfig(params, host.configFiles)),
  ),
}
