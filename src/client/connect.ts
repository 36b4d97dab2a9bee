/** Connects over any transport. For Node and Deno; browsers use browser.ts. */
import { isAbsolute } from 'node:path'
import { isLoopback } from '../base/loopback.ts'
import { clientLimits, openClient } from './client.ts'
import type { ClientOptions } from './client.ts'
import { ConnectError } from './base/errors.ts'
import type { ClientLimits } from './base/limits.ts'
import { parseWebSocketUrl } from './transports/target-url.ts'
import { stdioConnector } from './transports/stdio.ts'
import type { StdioCommand } from './transports/stdio.ts'
import { streamsConnector } from './transports/streams.ts'
import type { StreamPair } from './transports/streams.ts'
import { webSocketConnector } from './transports/websocket.ts'
import type { ExecClient } from './base/types.ts'
import type { Connector } from './transports/transport.ts'

/**
 * Where to connect: a URL (ws://, wss://, unix:/PATH, or a capability URL), a URL with headers, a command that runs a
 * server on its stdin and stdout, a pair of streams, or `{ local: true }` for this machine without a server.
 * @example
 * 'ws://127.0.0.1:4600'
 * 'unix:/run/exec-server.sock'
 * { url: 'wss://devbox.example', headers: { authorization: 'Bearer …' } }
 * { command: ['ssh', 'devbox', 'exec-server', '--listen', 'stdio'] }
 */
export type Target = string | URL | UrlWithHeaders | StdioCommand | StreamPair | { local: true }
/** A URL and the headers of its upgrade request. Headers require wss://, a unix socket or a loopback address. */
export type UrlWithHeaders = { url: string | URL; headers?: Readonly<Record<string, string>> | undefined }

export type { ClientOptions, StdioCommand, StreamPair }

/**
 * Opens a session. Also rejects with the signal's reason.
 * @throws {ConnectError} If the target is invalid, or the server is unreachable or does not answer in time.
 * @throws {RpcError} If the server refuses the handshake.
 * @example
 * await using client = await connect('ws://127.0.0.1:4600')
 * const { exitCode, stdout } = await client.run({ argv: ['uname', '-a'] })
 */
export async function connect(target: Target, options: ClientOptions = {}): Promise<ExecClient> {
  const limits = clientLimits(options)
  return openClient(await connectorFor(target, limits, options.ca), options, limits)
}

async function connectorFor(target: Target, limits: ClientLimits, ca: ClientOptions['ca']): Promise<Connector> {
  if (typeof target === 'string' || target instanceof URL)
    return webSocketConnector(String(target), { headers: {}, ca }, limits)
  if ('url' in target) {
    const url = String(target.url)
    const headers = target.headers ?? {}
    rejectExposedHeaders(url, headers)
    return webSocketConnector(url, { headers, ca }, limits)
  }
  if ('command' in target) {
    if (target.command.length === 0) throw new ConnectError('the command is empty')
    if (target.cwd !== undefined && !isAbsolute(target.cwd))
      throw new ConnectError(`the directory of the command is not absolute: ${target.cwd}`)
    return stdioConnector(target, limits)
  }
  if ('readable' in target) return streamsConnector(target, limits)
  // Imported on demand: it loads a whole server.
  const { localConnector } = await import('./local.ts')
  return localConnector()
}

/**
 * Headers carry tokens, which plain ws:// would expose on the network.
 * @throws {ConnectError} If it would.
 */
export function rejectExposedHeaders(url: string, headers: Readonly<Record<string, string>>): void {
  if (Object.keys(headers).length === 0) return
  const { href, socketPath } = parseWebSocketUrl(url)
  const { protocol, hostname } = new URL(href)
  // Resolvers map names below localhost to this machine, too.
  const isLocal = socketPath !== undefined || isLoopback(hostname) || hostname.endsWith('.localhost')
  if (protocol === 'ws:' && !isLocal) throw new ConnectError('headers are sent over wss:// or to this machine only')
}
