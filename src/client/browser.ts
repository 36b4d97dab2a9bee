/** The client library in a browser: over WebSocket, to a server that lets the page's origin in (`--allow-origin`). */
import { clientLimits, openClient } from './client.ts'
import type { ClientOptions } from './client.ts'
import { webSocketConnector } from './transports/global-websocket.ts'
import type { ExecClient } from './base/types.ts'

export type { ClientOptions }

/** Opens a session. Throws ConnectError, without a reason, as browsers tell none; RpcError when the server refuses the handshake. */
export async function connect(url: string | URL, options: ClientOptions = {}): Promise<ExecClient> {
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
