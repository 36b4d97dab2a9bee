/** An MCP server over HTTP in a few lines, which does what it is told to and keeps what it was asked. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Asked = {
  method: string
  headers: IncomingHttpHeaders
  message: { id?: number; method?: string } | undefined
}

export type HttpServer = { url: string; asked: Asked[]; close(): void }

/** `answer` returns true for what it has seen to itself. */
export async function startHttpServer(
  answer: (asked: Asked, response: ServerResponse) => boolean | void = () => {},
): Promise<HttpServer> {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const body = Buffer.concat(pieces).toString()
    const one: Asked = {
      method: request.method ?? '',
      headers: request.headers,
      message: body === '' ? undefined : JSON.parse(body),
    }
    asked.push(one)
    if (answer(one, response) === true) return
    if (one.method === 'GET') return void response.writeHead(405).end()
    if (one.method === 'DELETE') return void response.writeHead(200).end()
    if (one.message?.id === undefined) return void response.writeHead(202).end()
    const results: Record<string, object> = {
      initialize: {
        protocolVersion: '2025-06-18',
        capabilities: { tools: {} },
        serverInfo: { name: 'few lines', version: '1' },
      },
      'tools/list': { tools: [] },
    }
    const result = results[one.message.method ?? ''] ?? {}
    response.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'session-1' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: one.message.id, result }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    asked,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Begins an answer as a stream of events. */
export function beginEvents(response: ServerResponse, text = ': begun\n\n'): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'mcp-session-id': 'session-1' })
  response.write(text)
}
