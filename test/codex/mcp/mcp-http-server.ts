/**
 * An MCP server over streamable HTTP. It pings the client over the stream of server events when it is asked for
 * its whereabouts, and over the reply before it counts, if that is a stream of events.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { callerOf } from '../caller.ts'
import { answerTo } from './mcp.ts'
import type { McpMessage } from './mcp.ts'

export const SESSION = 'the-session'

export type HttpMcpServer = {
  url: string
  /** What was asked, and by whom. */
  asked: readonly { what: string; whereabouts: string }[]
  problems: readonly string[]
  /** As what their answers are among those that were asked. */
  pings: readonly string[]
  /** How many streams of server events are open. */
  listeners(): number
  close(): void
}

export async function startHttpMcpServer(replyWithEvents: boolean): Promise<HttpMcpServer> {
  const asked: { what: string; whereabouts: string }[] = []
  const problems: string[] = []
  const listeners = new Set<ServerResponse>()
  const waiting = new Map<string | number, () => void>()
  const pings: string[] = []

  /** Until the client has answered. */
  const ping = (stream: ServerResponse): Promise<void> => {
    const id = `ping-${pings.length + 1}`
    pings.push(id)
    stream.write(event({ jsonrpc: '2.0', id, method: 'ping' }))
    return new Promise((resolve) => waiting.set(id, resolve))
  }

  /** Where it ends, the executor ends it. */
  const listen = (response: ServerResponse): void => {
    listeners.add(response)
    response.on('close', () => listeners.delete(response))
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  }

  const reply = async (response: ServerResponse, message: McpMessage, whereabouts: string): Promise<void> => {
    const answer = answerTo(message, whereabouts)
    if (answer === undefined) {
      waiting.get(message.id ?? '')?.()
      response.writeHead(202).end()
      return
    }
    const type = replyWithEvents ? 'text/event-stream' : 'application/json'
    response.writeHead(200, { 'content-type': type, 'mcp-session-id': SESSION }).flushHeaders()
    if (message.params?.name === 'whereabouts') {
      if (listeners.size !== 1) problems.push(`${listeners.size} streams of server events`)
      // They are not waited for: while it reads a reply in JSON, a client up to 0.150 sends nothing.
      for (const stream of listeners) void ping(stream)
    }
    if (message.params?.name === 'count' && replyWithEvents) await ping(response)
    response.end(replyWithEvents ? event(answer) : JSON.stringify(answer))
  }

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // Up to 0.130 Codex itself asks here whether there is authentication to be done.
    if (request.url !== '/mcp') return void response.writeHead(404).end()
    const { authorization, 'mcp-session-id': session } = request.headers
    const whereabouts = JSON.stringify({ caller: callerOf(request.socket), authorization, session })
    const message = request.method === 'POST' ? ((await json(request)) as McpMessage) : undefined
    asked.push({ what: message === undefined ? `${request.method}` : (message.method ?? `${message.id}`), whereabouts })
    if (message !== undefined) return reply(response, message, whereabouts)
    if (request.method === 'GET') return listen(response)
    return void response.end()
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      problems.push((error as Error).message)
      response.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    asked,
    problems,
    pings,
    listeners: () => listeners.size,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

const event = (message: object): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`
