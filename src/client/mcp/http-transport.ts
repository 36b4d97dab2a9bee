/**
 * MCP over streamable HTTP, with all requests made from a devbox. Wraps the SDK's own transport.
 *
 * Redirects are never followed. In addition to the SDK's behaviour, `close` ends the server's session, a call whose
 * response was lost fails at once, and the stream of server messages is reopened after a lost connection.
 */
import { DisconnectedError, UnsupportedError } from '../base/errors.ts'
import { defaultClientLimits } from '../base/limits.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { HttpInit } from '../base/types.ts'
import { failLostResponses, requestOf } from './lost-responses.ts'
import { within } from './shutdown.ts'
import { clientOf } from './transport.ts'
import type { Devbox, McpTransport } from './transport.ts'

/** Options of {@link httpTransport}. */
export type HttpTransportOptions = {
  /** Added to every request. */
  headers?: Readonly<Record<string, string>> | undefined
  /**
   * Environment variable of the devbox that holds the bearer token; the token never leaves the devbox. If the server
   * does not support that, no request is made and `send` rejects with an UnsupportedError.
   */
  bearerTokenEnvVar?: string | undefined
  /** Timeout for the two requests of the start together, in ms. Default: 30 s. */
  startupTimeoutMs?: number | undefined
  /** Overrides of limits; see base/limits.ts. */
  limits?: Partial<ClientLimits> | undefined
}

/** The transport, with the SDK's `terminateSession`. */
export type HttpTransport = McpTransport & {
  /** Ends the server's session; `close` does so, too. */
  terminateSession(): Promise<void>
}

/**
 * Creates the transport. Requests are made by `send`, which rejects with the errors of {@link RemoteFetch}, and with
 * Error once `startupTimeoutMs` has passed before the server has started.
 * @throws {UnsupportedError} If the SDK is not installed.
 * @throws {TypeError} If the URL is invalid or the options conflict.
 * @example
 * await mcp.connect(await httpTransport(client, 'http://127.0.0.1:3001/mcp'))
 */
export async function httpTransport(
  devbox: Devbox,
  url: string | URL,
  options: HttpTransportOptions = {},
): Promise<HttpTransport> {
  const { headers = {}, bearerTokenEnvVar } = options
  const limits = { ...defaultClientLimits, ...options.limits }
  const endpoint = new URL(url)
  if (bearerTokenEnvVar !== undefined && new Headers({ ...headers }).has('authorization')) {
    throw new TypeError('a server has one authorization: headers and bearerTokenEnvVar both give it')
  }
  const { StreamableHTTPClientTransport } = await loadSdk()
  const startup = startupBudget(options.startupTimeoutMs ?? limits.mcpStartupMs)
  const bearer =
    bearerTokenEnvVar === undefined ? [] : [{ name: 'authorization', prefix: 'Bearer ', variable: bearerTokenEnvVar }]
  const fromDevbox = { redirect: 'manual' as const, headersFromEnvironment: bearer }

  const fetch = async (input: string | URL, init: RequestInit = {}): Promise<Response> => {
    // The SDK would follow a same-origin redirect.
    if (new URL(input).href !== endpoint.href)
      throw new Error(`the MCP server redirects to ${new URL(input).href}, which is not followed`)
    const { id, method } = requestOf(init.body)
    const remaining = startup(method)
    const response = await fetchFromDevbox({ ...init, ...fromDevbox, ...remaining })
    return id === undefined ? response : lostResponses.watch(id, response)
  }

  /** Repeats an idempotent request (GET) whose connection was lost. */
  const fetchFromDevbox = async (init: HttpInit): Promise<Response> => {
    for (;;) {
      const client = await clientOf(devbox, { signal: init.signal ?? undefined })
      try {
        return await client.fetch(endpoint, init)
      } catch (error) {
        if (init.method !== 'GET' || !(error instanceof DisconnectedError) || client.state === 'closed') throw error
      }
    }
  }

  const requestInit = { headers: { ...headers }, redirect: 'manual' as const }
  // The SDK's message types distinguish requests from responses; ours do not.
  const transport = new StreamableHTTPClientTransport(endpoint, { fetch, requestInit }) as HttpTransport
  const lostResponses = failLostResponses(transport)
  return endSessionOnClose(transport, limits.mcpKillMs)
}

async function loadSdk(): Promise<typeof import('@modelcontextprotocol/sdk/client/streamableHttp.js')> {
  try {
    return await import('@modelcontextprotocol/sdk/client/streamableHttp.js')
  } catch (cause) {
    throw new UnsupportedError('MCP over HTTP needs the package @modelcontextprotocol/sdk, which is not installed', {
      cause,
    })
  }
}

/** Passes the remaining startup time as each request's timeout. The clock starts with the first request. */
function startupBudget(ms: number): (method: string | undefined) => { timeoutMs?: number } {
  let end: number | undefined
  return (method) => {
    if (method !== 'initialize' && method !== 'notifications/initialized') return {}
    end ??= performance.now() + ms
    const timeoutMs = Math.ceil(end - performance.now())
    if (timeoutMs <= 0) throw new Error(`the MCP server has not started within ${ms} ms`)
    return { timeoutMs }
  }
}

/**
 * Without httpCancel the devbox would keep the stream of server messages open; the server closes it when its session
 * ends.
 */
function endSessionOnClose(transport: HttpTransport, ms: number): HttpTransport {
  const close = transport.close.bind(transport)
  let closing: Promise<void> | undefined
  transport.close = () =>
    (closing ??= (async () => {
      // Errors do not matter: the server may be gone, or have no sessions.
      await within(transport.terminateSession(), ms)
      await close()
    })())
  return transport
}
