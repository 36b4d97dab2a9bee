/** What a client may ask of the executor itself, once the handshake is complete. */
import { Method } from '../protocol/methods.ts'
import { NoParams } from '../protocol/session.ts'
import { method } from './method.ts'

export const sessionMethods = {
  [Method.EnvironmentInfo]: method('environment info', NoParams, (_, { host }) => host.environmentInfo()),
  [Method.EnvironmentStatus]: method('environment status', NoParams, () => ({ status: 'ready' })),
}
