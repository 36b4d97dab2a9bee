/** Connects to a server, whatever way leads there. For Node and Deno; browsers have browser.ts. */
import { isAbsolute } from 'node:path'
import { clientLimits, openClient } from './client.ts'
import type { ClientOptions } from './client.ts'
import { ConnectError } from './base/errors.ts'
import type { ClientLimits } from './base/limits.ts'
import { isLoopback, parseWebSocketUrl } from './transports/target-url.ts'
import { stdioConnector } from './transports/stdio.ts'
import type { StdioCommand } from './transports/stdio.ts'
import { streamsConnector } from './transports/streams.ts'
import type { StreamPair } from './transports/streams.ts'
import { webSocketConnector } from './transports/websocket.ts'
import type { ExecClient } from './base/types.ts'
import type { Connector } from './transports/transport.ts'

/**
 * The way to a server: an address (ws://, wss://, unix:/PATH, or a capability URL), one with headers, a command that starts one
 * on its stdin and stdout, a pair of streams that lead to one, or `{ local: true }`: this machine, without a server.
 */
export type Target = string | URL | UrlWithHeaders | StdioCommand | StreamPair | { local: true }
export type UrlWithHeaders = { url: string | URL; headers?: Readonly<Record<string, string>> | undefined }

export type { ClientOptions, StdioCommand, StreamPair }

/**
 * Opens a session.
 * Throws ConnectError when there is no server or it does not answer in time, RpcError when it refuses the handshake.
 */
export async function connect(target: Target, options: ClientOptions = {}): Promise<ExecClient> {
  const limits = clientLimits(options)
  return openClient(await connectorFor(target, limits), options, limits)
}

async function connectorFor(target: Target, limits: ClientLimits): Promise<Connector> {
  if (typeof target === 'string' || target instanceof URL) return webSocketConnector(String(target), {}, limits)
  if ('url' in target) {
    const url = String(target.url)
    const headers = target.headers ?? {}
    refuseToGiveAway(url, headers)
    return webSocketConnector(url, headers, limits)
  }
  if ('command' in target) {
    if (target.command.length === 0) throw new ConnectError('the command is empty')
    if (target.cwd !== undefined && !isAbsolute(target.cwd))
      throw new ConnectError(`the directory of the command is not absolute: ${target.cwd}`)
    return stdioConnector(target, limits)
  }
  if ('readable' in target) return streamsConnector(target, limits)
  // Only who asks for it loads a whole server.
  const { localConnector } = await import('./local.ts')
  return localConnector()
}

/** Headers hold tokens, and everybody on the way reads what is sent in the clear. */
function refuseToGiveAway(url: string, headers: Readonly<Record<string, string>>): void {
  if (Object.keys(headers).length === 0) return
  const { href, socketPath } = parseWebSocketUrl(url)
  const { protocol, hostname } = new URL(href)
  const isOpen = socketPath === undefined && protocol === 'ws:' && !isLoopback(hostname)
  if (isOpen) throw new ConnectError('headers are sent over wss:// or to this machine only')
}
