/**
 * The client library: `import { connect } from 'exec-server/client'`.
 *
 * For Node and Deno. In browsers the same specifier resolves to browser.ts.
 */
export { connect } from './connect.ts'
export type { ClientOptions, StdioCommand, StreamPair, Target, UrlWithHeaders } from './connect.ts'
export {
  ConnectError,
  DisconnectedError,
  ErrorCode,
  OutputLostError,
  ProtocolError,
  RpcError,
  UnsupportedError,
} from './base/errors.ts'
export { EnvironmentConfigError, EnvironmentUnavailableError } from './environments/errors.ts'
export { loadEnvironmentManager, readEnvironmentSettings } from './environments/load.ts'
export { createEnvironmentManager } from './environments/manager.ts'
export type { Connect, Environment, EnvironmentManager } from './environments/manager.ts'
export type { EnvironmentStatus } from './environments/shared-client.ts'
export type { EnvironmentSettings, EnvironmentSpec } from './environments/spec.ts'
export { parseEnvironments } from './environments/toml.ts'
export { environmentsOfVariable } from './environments/variables.ts'
export { defaultClientLimits } from './base/limits.ts'
export type { ClientLimits } from './base/limits.ts'
export type * from './base/types.ts'
