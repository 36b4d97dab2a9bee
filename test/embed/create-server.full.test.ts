/** The server in this program, on connections of every kind. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createNetServer } from 'node:net'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import * as assert from 'uvu/assert'
import { WebSocket, WebSocketServer } from 'ws'
import { connect, RpcError } from '../../src/client/index.ts'
import type { ExecClient } from '../../src/client/index.ts'
import { ConfigError, createServer } from '../../src/embed/index.ts'
import type { Server, ServerConfig } from '../../src/embed/index.ts'
import { atEnd } from '../support/scope.ts'
import { eventually, isAlive } from '../support/server.ts'
import { skip, suite } from '../support/suite.ts'

const test = suite('a server in a program')

async function serving(config: ServerConfig = {}): Promise<Server> {
  const server = await createServer(config)
  atEnd(() => server.close({ graceMs: 0 }))
  return server
}

async function listening(listener: NetServer, where: { host?: string; path?: string } = {}): Promise<number> {
  atEnd(() => listener.close())
  listener.listen(where.path === undefined ? { port: 0, host: where.host ?? '127.0.0.1' } : where)
  await once(listener, 'listening')
  return (listener.address() as AddressInfo).port
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const rejects = async (call: () => Promise<unknown>, reason: RegExp): Promise<void> =>
  assert.match(String(await call().catch((error: unknown) => error)), reason)

/** Uses the client as a program would: a command, a file, a terminal. */
async function isWhole(client: ExecClient): Promise<void> {
  const { stdout, exitCode } = await client.run({ argv: ['sh', '-c', 'cat; exit 3'] }, { input: 'hello' })
  assert.equal([text(stdout), exitCode], ['hello', 3])
  const folder = mkdtempSync(join(tmpdir(), 'embed-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  const bytes = new Uint8Array(3 * 1024 * 1024).fill(7)
  await client.fs.writeFile(join(folder, 'file'), bytes)
  assert.is(Buffer.compare(await client.fs.readFile(join(folder, 'file')), bytes), 0)
  const terminal = await client.run({ argv: ['tty'], tty: true })
  assert.match(text(terminal.stdout), /^\/dev\//)
}

test('a client in the program uses it without a connection', async () => {
  const server = await serving()
  await using client = await server.connect()
  await isWhole(client)
  assert.instance(await client.call('process/read', { processId: 'none' }).catch((error: unknown) => error), RpcError)
})

test('it serves upgrade requests of an HTTP server, after its own checks', async () => {
  const server = await serving()
  const http = createHttpServer((_, response) => response.end('the program')).on('upgrade', server.handleUpgrade)
  const port = await listening(http)
  await using client = await connect(`ws://127.0.0.1:${port}`)
  await isWhole(client)
  assert.is(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'the program')
  for (const [path, headers, status] of [
    ['/elsewhere', {}, 404],
    ['/', { origin: 'https://page.example' }, 403],
    ['/', { host: 'rebound.example' }, 403],
  ] as const) {
    const refused = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers })
    const [error] = (await once(refused, 'error')) as [Error]
    assert.match(error.message, new RegExp(`${status}`), path)
  }
})

test('it serves WebSockets that the program has let in', async () => {
  const server = await serving()
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' }).on('connection', server.serveWebSocket)
  atEnd(() => wss.close())
  await once(wss, 'listening')
  await using client = await connect(`ws://127.0.0.1:${(wss.address() as AddressInfo).port}`)
  await isWhole(client)
})

test('it serves one client on a pair of streams, of the web or of Node', async () => {
  const server = await serving()
  const [toServer, toClient] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()]
  const served = server.serveStreams({ readable: toServer.readable, writable: toClient.writable })
  const client = await connect({ readable: toClient.readable, writable: toServer.writable })
  await isWhole(client)
  await client.close()
  await served
  const [input, output] = [new PassThrough(), new PassThrough()]
  const second = server.serveStreams({ readable: input, writable: output })
  input.write('{"id":1,"method":"initialize","params":{"clientName":"x"}}\n')
  const [answer] = (await once(output, 'data')) as [Buffer]
  assert.is(JSON.parse(answer.toString()).result.protocolVersion, 'exec-server.v0')
  input.end()
  output.resume()
  await second
})

test('it serves the listeners of the program, TCP and unix, with health checks and metrics', async () => {
  const server = await serving()
  const [tcp, unix] = [createNetServer(), createNetServer()]
  for (const listener of [tcp, unix]) server.serveListener(listener)
  const port = await listening(tcp)
  const path = join(mkdtempSync(join(tmpdir(), 'embed-')), 'socket')
  atEnd(() => rmSync(join(path, '..'), { recursive: true }))
  await listening(unix, { path })
  for (const url of [`ws://127.0.0.1:${port}`, `unix:${path}`]) {
    await using client = await connect(url)
    await isWhole(client)
  }
  assert.is((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200)
  assert.match(
    await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
    /^exec_server_processes_started_total 4$/m,
  )
})

test('it listens itself, on the URL that it has', async () => {
  const server = await serving({ listen: 'ws://127.0.0.1:0', 'capability-url': true })
  assert.match(server.url ?? '', /^ws:\/\/127\.0\.0\.1:\d+\/c\/[\w-]{16,}$/)
  assert.is(new URL(server.url ?? '').pathname, server.path)
  await using client = await connect(server.url ?? '')
  await isWhole(client)
  const { status } = await fetch((server.url ?? '').replace('ws:', 'http:').replace(server.path, '/metrics'))
  assert.is(status, 401)
})

test('a peer from another address gets in with authentication only', async () => {
  const address = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === 'IPv4' && !each.internal)?.address
  if (address === undefined) skip('this machine has no address but loopback')
  const statuses: Record<string, string> = {}
  for (const [name, config] of Object.entries({
    none: {},
    'allow-unauthenticated': { 'allow-unauthenticated': true },
    'capability-url': { 'capability-url': true },
  })) {
    const server = await serving(config)
    const listener = createNetServer()
    server.serveListener(listener)
    const port = await listening(listener, { host: '0.0.0.0' })
    statuses[name] = await connect(`ws://${address}:${port}${server.path}`).then(
      async (client) => {
        await client.close()
        return 'served'
      },
      ({ message }: Error) => /\b(403|401)\b/.exec(message)?.[1] ?? message,
    )
  }
  assert.equal(statuses, { none: '403', 'allow-unauthenticated': 'served', 'capability-url': 'served' })
})

test('all clients share what runs, and its limits', async () => {
  const server = await serving({ listen: 'ws://127.0.0.1:0', 'max-total-processes': 1 })
  await using inside = await server.connect({ clientName: 'inside' })
  await using outside = await connect(server.url ?? '', { clientName: 'outside' })
  const run = await inside.startDetached({ argv: ['sleep', '1000'], name: 'shared' })
  const [listed] = await outside.listProcesses()
  assert.equal([listed?.name, listed?.client], ['shared', 'inside'])
  const refused = await outside.start({ argv: ['true'] }).catch((error: unknown) => error)
  assert.is((refused as RpcError).code, -32001)
  await run.terminate()
})

test('it refuses what its configuration forbids', async () => {
  const server = await serving({ direct: false, 'require-sandbox': true })
  await using client = await server.connect()
  await rejects(() => client.start({ argv: ['true'] }), /prepared/)
  await rejects(() => client.fs.readFile('/etc/passwd'), /sandbox/)
})

test('close ends what runs, and refuses what comes', async () => {
  const server = await serving({ listen: 'ws://127.0.0.1:0' })
  const clients = [await server.connect(), await connect(server.url ?? '', { recoveryTimeoutMs: 0 })]
  const pids: number[] = []
  for (const client of clients) {
    const process = await client.start({ argv: ['sh', '-c', 'echo $$; exec sleep 1000'] })
    for await (const event of process) {
      if (event.type !== 'output') continue
      pids.push(Number(text(event.bytes)))
      break
    }
  }
  await server.close()
  for (const client of clients) assert.instance(await client.closed, Error)
  await eventually(() => !pids.some(isAlive), 20_000, 'the end of the processes')
  await rejects(() => server.connect(), /has been closed/)
  await rejects(() => connect(server.url ?? ''), /ECONNREFUSED/)
  await server.close()
})

test('with a grace, close lets work end first and refuses new work', async () => {
  const server = await serving()
  const client = await server.connect()
  const folder = mkdtempSync(join(tmpdir(), 'embed-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  const fifo = join(folder, 'fifo')
  await client.run({ argv: ['mkfifo', fifo] })
  const process = await client.start({ argv: ['sh', '-c', 'read line < "$0"; echo "$line"; exit 4', fifo] })
  const closing = server.close({ graceMs: 60_000 })
  await rejects(() => client.start({ argv: ['true'] }), /draining/)
  const writer = await import('node:fs/promises')
  await writer.writeFile(fifo, 'done\n')
  const { stdout, exitCode } = await process.output()
  assert.equal([text(stdout), exitCode], ['done\n', 4])
  await closing
  assert.instance(await client.closed, Error)
})

test('the log goes to the program, the audit log and runs to their files; a directory of runs has one server', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'embed-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  const config = { 'log-level': 'info', 'audit-log': join(folder, 'audit'), 'log-dir': join(folder, 'runs') } as const
  const lines: string[] = []
  const server = await createServer(config, { log: (line) => void lines.push(line) })
  const client = await server.connect({ clientName: 'logged' })
  const run = await client.startDetached({ argv: ['sh', '-c', 'echo kept; exit 5'], name: 'job' })
  assert.is((await client.waitFor(run.run, { until: 'close' })).exitCode, 5)
  const other = await createServer({ 'log-dir': join(folder, 'runs') }).catch((error: unknown) => error)
  assert.instance(other, ConfigError)
  await client.close()
  await server.close()
  const events = lines.map((line) => JSON.parse(line).event as string)
  assert.ok(['connectionOpened', 'sessionCreated', 'connectionClosed'].every((event) => events.includes(event)))
  assert.match(readFileSync(config['audit-log'], 'utf8'), /"argv":\["sh","-c","echo kept; exit 5"\]/)
  const again = await serving({ ...config, 'log-level': 'error' })
  await using later = await again.connect()
  const output: string[] = []
  for await (const entry of later.logs('job')) if (entry.type === 'output') output.push(text(entry.bytes))
  assert.is(output.join(''), 'kept\n')
})

test('it serves MCP clients, whose commands end with it', async () => {
  const workspace = mkdtempSync(join(tmpdir(), 'embed-mcp-'))
  atEnd(() => rmSync(workspace, { recursive: true }))
  const options = { mcp: true, 'mcp-sandbox': 'full', 'mcp-workspace': workspace } as const
  const server = await serving({ listen: 'ws://127.0.0.1:0', ...options })
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url?.replace('ws', 'http')}/mcp`)))
  const command = 'echo $$ > pid; exec sleep 1000'
  await client.callTool({ name: 'exec', arguments: { command, yield_time_ms: 0 } })
  const file = join(workspace, 'pid')
  await eventually(() => existsSync(file) && readFileSync(file, 'utf8') !== '')
  const pid = Number(readFileSync(file, 'utf8'))
  assert.ok(isAlive(pid))
  await client.close()
  await server.close({ graceMs: 0 })
  await eventually(() => !isAlive(pid))
})

test('it shows previews on a listener of the program, but not of its port', async () => {
  const server = await serving({ preview: true })
  const listener = createNetServer()
  const port = await listening(listener)
  server.serveListener(listener)
  const program = await listening(createHttpServer((_, response) => response.end('the program')))
  const entered = await fetch(`http://127.0.0.1:${port}/port/${program}/`, { redirect: 'manual' })
  assert.match(entered.headers.get('location') ?? '', new RegExp(`^//${program}-[0-9a-f]{16}.localhost:${port}/`))
  assert.is((await fetch(`http://127.0.0.1:${port}/port/${port}/`, { redirect: 'manual' })).status, 403)
})

test.run()
