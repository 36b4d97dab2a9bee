/**
 * The transport interface, compatible with `Transport` of `@modelcontextprotocol/sdk`. Declared here so that the SDK is
 * not needed.
 */
import type { Abortable, ExecClient } from '../base/types.ts'

/** A JSON-RPC request (`id` and `method`), notification (`method` only) or response (`id` only). */
export type McpMessage = {
  jsonrpc: '2.0'
  id?: string | number | undefined
  method?: string | undefined
  params?: object | undefined
  /** Of a successful response. */
  result?: object | undefined
  /** Of any other response. */
  error?: { code: number; message: string; data?: unknown } | undefined
}

/** An MCP transport, as the SDK expects it. Set the callbacks before `start`. */
export type McpTransport = {
  /** Connects; call once. Rejects if the server cannot be reached. */
  start(): Promise<void>
  /** Resolves when the message has been handed over; the response arrives in `onmessage`. */
  send(message: McpMessage): Promise<void>
  /** Closes the transport. Resolves when everything has ended. */
  close(): Promise<void>
  /** Called with each message of the server. */
  onmessage?: ((message: McpMessage) => void) | undefined
  /** Called with errors, fatal or not. */
  onerror?: ((error: Error) => void) | undefined
  /** Called once; no events follow. */
  onclose?: (() => void) | undefined
  /** Of the MCP session, over HTTP. */
  sessionId?: string | undefined
  /** Called by the SDK with the negotiated version. */
  setProtocolVersion?: ((version: string) => void) | undefined
}

/** A client, or an environment of the EnvironmentManager, which connects on demand. */
export type Devbox = ExecClient | { client(options?: Abortable): Promise<ExecClient> }

/** The devbox's client, connected if needed. */
export async function clientOf(devbox: Devbox, abort: Abortable = {}): Promise<ExecClient> {
  return 'client' in devbox ? devbox.client(abort) : devbox
}
