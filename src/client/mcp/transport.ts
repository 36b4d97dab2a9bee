/**
 * What a program and the MCP SDK see of a transport. Written down here, and fitting the `Transport` of `@modelcontextprotocol/sdk`,
 * so that this room needs no SDK.
 */
import type { Abortable, ExecClient } from '../base/types.ts'

/** A request, a notification or an answer. */
export type McpMessage = {
  jsonrpc: '2.0'
  id?: string | number | undefined
  method?: string | undefined
  params?: object | undefined
  result?: object | undefined
  error?: { code: number; message: string; data?: unknown } | undefined
}

export type McpTransport = {
  /** Once. Throws what keeps the server from being reached. */
  start(): Promise<void>
  /** Settles when the message is on its way for good; the answer comes as a message. */
  send(message: McpMessage): Promise<void>
  /** Settles when nothing is left. */
  close(): Promise<void>
  onmessage?: ((message: McpMessage) => void) | undefined
  /** What went wrong, be it the end or not. */
  onerror?: ((error: Error) => void) | undefined
  /** Once: nothing follows. */
  onclose?: (() => void) | undefined
  sessionId?: string | undefined
  setProtocolVersion?: ((version: string) => void) | undefined
}

/** A devbox: a client, or an environment of the EnvironmentManager, which connects when it is needed. */
export type Devbox = ExecClient | { client(options?: Abortable): Promise<ExecClient> }

export async function clientOf(devbox: Devbox, abort: Abortable = {}): Promise<ExecClient> {
  return 'client' in devbox ? devbox.client(abort) : devbox
}
