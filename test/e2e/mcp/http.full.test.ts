/** MCP over streamable HTTP, with the official SDK's own client, on a server that serves Codex, too. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import * as assert from 'uvu/assert'
import { Client as CodexClient } from '../../support/client.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isAlive, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { dataOf, textOf } from './mcp-client.ts'

const test = suite('mcp over http', { limitMs: 180_000 })

type Call = (name: string, args?: Record<string, unknown>) => Promise<CallToolResult>
type HttpAgent = { client: Client; transport: StreamableHTTPClientTransport; call: Call }

const endpoint = ({ url }: RunningServer): URL => new URL(`${url.replace(/^ws/, 'http').replace(/\/$/, '')}/mcp`)

async function serve(...options: string[]): Promise<RunningServer> {
  const server = await startServer(['--mcp', '--mcp-sandbox', 'full', ...options])
  atEnd(async () => void (await server.stop()))
  return server
}

async function connectTo(server: RunningServer): Promise<HttpAgent> {
  const transport = new StreamableHTTPClientTransport(endpoint(server))
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(transport)
  atEnd(() => client.close())
  await client.listTools()
  const call: Call = async (name, args = {}) =>
    (await client.callTool({ name, arguments: args }, undefined, { timeout: 120_000 })) as CallToolResult
  return { client, transport, call }
}

const JSON_AND_EVENTS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
}

/** Posts a message; the answer's body is an event stream. */
const post = (url: URL, message: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { ...JSON_AND_EVENTS, ...headers },
    body: typeof message === 'string' ? message : JSON.stringify(message),
  })

test('a client calls tools while a client of Codex is served on the same port', async () => {
  const workspace = temporaryFolder()
  const server = await serve('--mcp-workspace', workspace)
  const codex = await CodexClient.connect(server.url)
  const { call, client } = await connectTo(server)
  assert.match(client.getInstructions() ?? '', new RegExp(workspace))
  const result = dataOf(await call('exec', { command: 'pwd; seq 1 1000 | tail -1' }))
  assert.is(result['output'], `${workspace}\n1000\n`)
  await call('write_file', { path: 'a.txt', content: 'hello' })
  assert.is(readFileSync(join(workspace, 'a.txt'), 'utf8'), 'hello')
  await codex.request('environment/status', null)
  await codex.drop()
})

test('the sandbox is workspace-write without network unless more is asked for', async () => {
  const server = await startServer(['--mcp', '--mcp-workspace', temporaryFolder()])
  atEnd(async () => void (await server.stop()))
  const { client } = await connectTo(server)
  assert.match(client.getInstructions() ?? '', /temporary directories can be written\. Commands have no network/)
  assert.not.ok((await client.listTools()).tools.some(({ name }) => name === 'fetch'))
})

test('each client has its own runs, which end when it deletes its session', async () => {
  const workspace = temporaryFolder()
  const server = await serve('--mcp-workspace', workspace)
  const [first, second] = [await connectTo(server), await connectTo(server)]
  await first.call('exec', { command: 'echo $$ > pid; exec sleep 1000', yield_time_ms: 0 })
  await eventually(() => existsSync(join(workspace, 'pid')) && readFileSync(join(workspace, 'pid'), 'utf8') !== '')
  assert.equal(dataOf(await second.call('list_runs')), { runs: [] })
  await first.transport.terminateSession()
  await eventually(() => !isAlive(Number(readFileSync(join(workspace, 'pid'), 'utf8'))))
  assert.match(textOf(await second.call('exec', { command: 'echo still here' })), /still here/)
})

test('metrics count the clients', async () => {
  const server = await serve()
  const metric = async (): Promise<number> => {
    const page = await (await fetch(new URL('/metrics', endpoint(server)))).text()
    return Number(/^exec_server_mcp_sessions (.*)$/m.exec(page)?.[1])
  }
  assert.is(await metric(), 0)
  const { transport } = await connectTo(server)
  await connectTo(server)
  assert.is(await metric(), 2)
  await transport.terminateSession()
  await eventually(async () => (await metric()) === 1)
})

test('100 MB of output are counted for two clients at once, and the answers are bounded', async () => {
  const server = await serve()
  const clients = [await connectTo(server), await connectTo(server)]
  const command = 'head -c 100000000 /dev/zero | tr "\\0" x; echo; echo last'
  const results = await Promise.all(clients.map(({ call }) => call('exec', { command, yield_time_ms: 100_000 })))
  for (const result of results) {
    const { output, total_bytes: total } = dataOf(result) as { output: string; total_bytes: number }
    assert.is(total, 100_000_006)
    assert.ok(output.length < 31_000, `${output.length}`)
    assert.match(output, /bytes omitted[^]*last\n$/)
  }
})

test('a stream whose connection was lost goes on where it was, and the command is not run again', async () => {
  const workspace = temporaryFolder()
  const server = await serve('--mcp-workspace', workspace)
  const url = endpoint(server)
  const opened = await post(url, initialize)
  const session = { 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '', 'mcp-protocol-version': '2025-11-25' }
  await opened.text()
  await (await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, session)).text()

  const command = 'echo once >> runs; until [ -e go ]; do sleep 0.05; done; echo done'
  const params = { name: 'exec', arguments: { command, yield_time_ms: 100_000 } }
  const calling = await post(url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, session)
  const reader = (calling.body as ReadableStream<Uint8Array>).getReader()
  const first = new TextDecoder().decode((await reader.read()).value)
  const id = /^id: (.*)$/m.exec(first)?.[1] ?? ''
  assert.is.not(id, '', first)
  await eventually(() => existsSync(join(workspace, 'runs')))
  await reader.cancel()

  const resume = () => fetch(url, { headers: { accept: 'text/event-stream', 'last-event-id': id, ...session } })
  // Locked at once: undici cancels the body of a response that is collected as garbage.
  const resumed = ((await resume()).body as ReadableStream<Uint8Array>).getReader()
  const { call } = await connectTo(server)
  await call('exec', { command: 'touch go' })
  let text = ''
  while (!/structuredContent.*\n\n$/.test(text)) {
    const { done, value } = await resumed.read()
    assert.not(done, text)
    text += new TextDecoder().decode(value)
  }
  assert.match(text, /"output":"done\\n"/)
  assert.is(readFileSync(join(workspace, 'runs'), 'utf8'), 'once\n')
})

test('without --mcp there is no such path', async () => {
  const server = await startServer()
  assert.is((await post(endpoint(server), initialize)).status, 404)
  await server.stop()
})

test('a capability URL protects it, and a web page never gets in', async () => {
  const server = await serve('--capability-url')
  const { call } = await connectTo(server)
  assert.match(textOf(await call('exec', { command: 'echo in' })), /in/)
  const outside = new URL('/mcp', endpoint(server))
  assert.is((await post(outside, initialize)).status, 401)
  assert.is((await post(endpoint(server), initialize, { origin: 'http://evil.example' })).status, 403)
})

test('a web page gets in from an origin that is allowed, and from no other', async () => {
  const server = await serve('--allow-origin', 'http://inspector.example')
  const origin = 'http://inspector.example'
  const opened = await post(endpoint(server), initialize, { origin })
  assert.is(opened.status, 200)
  assert.is(opened.headers.get('access-control-allow-origin'), origin)
  assert.match(opened.headers.get('access-control-expose-headers') ?? '', /mcp-session-id/)
  await opened.text()
  const preflight = (from: string): Promise<Response> =>
    fetch(endpoint(server), {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    })
  assert.is((await preflight(origin)).status, 204)
  assert.is((await preflight('http://evil.example')).status, 403)
  const metrics = new URL('/metrics', endpoint(server))
  assert.is((await fetch(metrics, { headers: { origin } })).status, 403)
})

test('what is no MCP request is refused with its reason', async () => {
  const server = await serve()
  const url = endpoint(server)
  const refused = async (response: Promise<Response>): Promise<string> => {
    const { status, ...rest } = await response
    return `${status} ${JSON.stringify(await (await response).json())}${Object.keys(rest).length}`
  }
  assert.match(await refused(post(url, '{')), /^400 .*no JSON/)
  assert.match(await refused(post(url, { jsonrpc: '2.0', id: 1, method: 'tools/list' })), /^400 .*must be initialize/)
  assert.match(await refused(post(url, initialize, { 'mcp-session-id': 'x' })), /^404 .*no such session/)
  assert.match(await refused(post(url, `[${'{},'.repeat(40_000)}{}]`)), /^413 .*32768 values/)
  assert.match(await refused(post(url, `"${'x'.repeat(17 * 1024 * 1024)}"`)), /^413 .*16777216 bytes/)
  assert.match(await refused(fetch(url, { method: 'PUT' })), /^405 /)
})

test('clients that go without a word make room for others, and none is lost that is busy', async () => {
  const server = await serve()
  const busy = await connectTo(server)
  const going = busy.call('exec', {
    command: 'until [ -e /tmp/none-of-these ]; do sleep 0.1; done',
    yield_time_ms: 60_000,
  })
  const url = endpoint(server)
  const sessions: string[] = []
  for (let count = 0; count < 70; count++) {
    const response = await post(url, initialize)
    assert.is(response.status, 200)
    await response.text()
    sessions.push(response.headers.get('mcp-session-id') ?? '')
  }
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }
  assert.is((await post(url, ping, { 'mcp-session-id': sessions[0] as string })).status, 404)
  assert.is((await post(url, ping, { 'mcp-session-id': sessions[69] as string })).status, 200)
  const { runs } = dataOf(await busy.call('list_runs')) as { runs: { run_id: string }[] }
  await busy.call('kill', { run_id: runs[0]?.run_id })
  assert.is(dataOf(await going)['state'], 'exited')
})

test.run()
