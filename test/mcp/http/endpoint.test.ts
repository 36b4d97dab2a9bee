/** What the endpoint does with what answers its clients. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import * as assert from 'uvu/assert'
import { createMcpEndpoint } from '../../../src/mcp/http/endpoint.ts'
import type { McpBackend } from '../../../src/mcp/http/endpoint.ts'
import { test } from '../../support/suite.ts'

const initialize = (): Request =>
  new Request('http://127.0.0.1/mcp', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 0,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    }),
  })

type Backend = McpBackend & { lose(): void; closed: Promise<void> }

function createBackend(): Backend {
  const { promise: ended, resolve: lose } = Promise.withResolvers<void>()
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  const server = new Server({ name: 'test', version: '1' }, { capabilities: {} })
  return { server, ended, lose, closed, close: async () => close() }
}

test('what has been opened is closed, if the endpoint was closed meanwhile', async () => {
  const backend = createBackend()
  const { promise: opening, resolve: onOpening } = Promise.withResolvers<void>()
  const { promise: opened, resolve: open } = Promise.withResolvers<McpBackend>()
  const endpoint = createMcpEndpoint(() => {
    onOpening()
    return opened
  })
  const answered = endpoint.fetch(initialize())
  await opening
  await endpoint.close()
  open(backend)
  await answered
  await backend.closed
})

test('what cannot be connected is closed, and the client gets the reason', async () => {
  const backend = createBackend()
  const connect = (): Promise<void> => Promise.reject(new Error('cannot connect'))
  const server = { connect, close: () => Promise.resolve() }
  const endpoint = createMcpEndpoint(async () => ({ ...backend, server }))
  const response = await endpoint.fetch(initialize())
  assert.is(response.status, 500)
  assert.match(await response.text(), /cannot connect/)
  await backend.closed
})

test('a client whose backend is lost must initialize anew', async () => {
  const backend = createBackend()
  const endpoint = createMcpEndpoint(async () => backend)
  const opened = await endpoint.fetch(initialize())
  assert.is(opened.status, 200)
  await opened.text()
  backend.lose()
  await backend.closed
  const id = opened.headers.get('mcp-session-id') ?? ''
  const gone = await endpoint.fetch(new Request('http://127.0.0.1/mcp', { headers: { 'mcp-session-id': id } }))
  assert.is(gone.status, 404)
})

test.run()
