/**
 * The server in a program: `import { createServer } from 'exec-server/server'`. For Node; it also has an in-process
 * client, and shares the classes of `exec-server/client`.
 */
export { createServer } from './create-server.ts'
export { UsageError as ConfigError } from '../base/usage-error.ts'
export type {
  ByteStreams,
  Server,
  ServerConfig,
  ServerOptions,
  UpgradedWebSocket,
} from './types.ts'
