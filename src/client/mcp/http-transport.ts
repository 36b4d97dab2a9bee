/**
 * An MCP server over streamable HTTP that is asked from a devbox: the SDK's own transport, whose every request goes through there.
 *
 *     await mcp.connect(await httpTransport(client, 'http://127.0.0.1:3001/mcp'))
 *
 * Redirects are never followed. Beside what the SDK's does, `close` ends the session at the server, a call whose response was lost fails
 * at once, and the stream of the server's own messages is opened anew after a lost connection.
 */
import { DisconnectedError, UnsupportedError } from '../base/errors.ts'
import { defaultClientLimits } from '../base/limits.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { HttpInit } from '../base/types.ts'
import { failLostAnswers, requestOf } from './lost-responses.ts'
import { within } from './shutdown.ts'
import { clientOf } from './transport.ts'
import type { Devbox, McpTransport } from './transport.ts'

export type HttpTransportOptions = {
  headers?: Readonly<Record<string, string>> | undefined
  /**
   * The name of a variable of the devbox whose value is the bearer token. It never comes here. A devbox that cannot do that is never
   * asked: the start fails with an UnsupportedError.
   */
  bearerTokenEnvVar?: string | undefined
  /** How long the two requests of the start may take together. Absent: 30 s. */
  startupTimeoutMs?: number | undefined
  /** Other bounds than the usual, see limits.ts. */
  limits?: Partial<ClientLimits> | undefined
}

export type HttpTransport = McpTransport & {
  /** Ends the session at the server; `close` does so, too. */
  terminateSession(): Promise<void>
}

/** Throws UnsupportedError where the SDK is not installed, TypeError for what is no URL or options that contradict each other. */
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
    // The SDK would follow a redirect that stays on the server.
    if (new URL(input).href !== endpoint.href)
      throw new Error(`the MCP server redirects to ${new URL(input).href}, which is not followed`)
    const { id, method } = requestOf(init.body)
    const budget = startup(method)
    const response = await ask({ ...init, ...fromDevbox, ...budget })
    return id === undefined ? response : answers.watch(id, response)
  }

  /** Where nothing is changed by it, a request whose connection was lost is made again. */
  const ask = async (init: HttpInit): Promise<Response> => {
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
  // Its types tell requests and answers apart, which ours do not.
  const transport = new StreamableHTTPClientTransport(endpoint, { fetch, requestInit }) as HttpTransport
  const answers = failLostAnswers(transport)
  return endingItsSession(transport, limits.mcpKillMs)
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

/** What is left of the time for the start goes with its requests. The budget begins with the first. */
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
 * The devbox would go on with the stream of the server's messages, as nobody can tell it to give that up; with its session the server
 * ends it.
 */
function endingItsSession(transport: HttpTransport, ms: number): HttpTransport {
  const close = transport.close.bind(transport)
  let closing: Promise<void> | undefined
  transport.close = () =>
    (closing ??= (async () => {
      // A server that is not there, or has no sessions, has nothing to be ended.
      await within(transport.terminateSession(), ms)
      await close()
    })())
  return transport
}
