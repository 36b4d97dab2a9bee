/** The client library for browsers: over WebSocket, to a server that allows the page's origin (`--allow-origin`). */
import { clientLimits, openClient } from './client.ts'
import type { ClientOptions } from './client.ts'
import { webSocketConnector } from './transports/global-websocket.ts'
import { ConnectError } from './base/errors.ts'
import type { ExecClient } from './base/types.ts'

export type { ClientOptions }

/**
 * Opens a session at a ws:// or wss:// URL. Also rejects with the signal's reason.
 * @throws {ConnectError} If the URL is invalid, or the server is unreachable or refuses the connection; browsers do not
 * reveal which.
 * @throws {RpcError} If the server refuses the handshake.
 * @example
 * await using client = await connect('wss://devbox.example/')
 * const { exitCode } = await client.run({ argv: ['true'] })
 */
export async function connect(url: string | URL, options: ClientOptions = {}): Promise<ExecClient> {
  if (options.ca !== undefined)
    throw new ConnectError('in browsers `ca` has no effect: the browser decides what it trusts')
  return openClient(webSocketConnector(String(url)), options, clientLimits(options))
}

export {
  ConnectError,
  DisconnectedError,
  ErrorCode,
  OutputLostError,
  ProtocolError,
  RpcError,
  UnsupportedError,
} from './base/errors.ts'
export { defaultClientLimits } from './base/limits.ts'
export type { ClientLimits } from './base/limits.ts'
export type * from './base/types.ts'
