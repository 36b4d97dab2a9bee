/** MCP over HTTP, asked from the devbox: a real server from npm, and one of a few lines that does what goes wrong. */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { UnsupportedError } from '../../../../src/client/base/errors.ts'
import { httpTransport } from '../../../../src/client/mcp/index.ts'
import { eventually, isDeno, root } from '../../../support/server.ts'
import { endChild, endWithTest } from '../../../support/child.ts'
import { test } from '../../../support/suite.ts'
import { startProxy } from '../support/proxy.ts'
import type { Proxy } from '../support/proxy.ts'
import { sharing } from '../support/shared-server.ts'
import { roundTrip } from '../support/when-idle.ts'
import { subjects } from '../support/subject.ts'
import type { Subject } from '../support/subject.ts'
import { failure, withClient } from '../support/with-client.ts'
import type { Scene } from '../support/with-client.ts'
import { beginEvents, startHttpServer } from './http-server.ts'
import type { Asked, HttpServer } from './http-server.ts'
import { everything, node, textOf, ways, withFolder, withMcp } from './mcp-servers.ts'

// Before the servers are started, which get it.
process.env['MCP_TOKEN_OF_DEVBOX'] = 'secret-7'

const shared = subjects.map((subject) => sharing(test, subject))
const [ours] = shared as [Subject]

async function withEverything(body: (url: string, log: () => string) => Promise<void>): Promise<void> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  const env = { ...process.env, PORT: `${port}` }
  const child: ChildProcess = endWithTest(
    spawn(node, [...everything.args, 'streamableHttp'], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
    'SIGKILL',
  )
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => (log += bytes.toString()))
  await eventually(() => log.includes('listening on port'), 40_000)
  await body(`http://127.0.0.1:${port}/mcp`, () => log)
  await endChild(child, 'SIGKILL')
}

type Answer = (asked: Asked, response: ServerResponse) => boolean | void

async function withHttp(answer: Answer, body: (server: HttpServer) => Promise<void>): Promise<void> {
  const server = await startHttpServer(answer)
  try {
    await body(server)
  } finally {
    server.close()
  }
}

/** A client whose connection can be cut. */
async function withProxy(body: (scene: Scene & { proxy: Proxy }) => Promise<void>): Promise<void> {
  const started = Promise.withResolvers<Proxy>()
  const via = async (url: string): Promise<Proxy> => {
    const proxy = await startProxy(url)
    started.resolve(proxy)
    return proxy
  }
  await withClient(ours, async (scene) => body({ ...scene, proxy: await started.promise }), { via })
}

for (const { name, isMain, open } of ways.filter(({ subject }) => !(subject?.faults.has('noBlocks') ?? false))) {
  const define = isMain ? test : test.full
  define(
    `${name}: server-everything is called over HTTP: results, progress, its own requests; and its session ends with the transport`,
    () =>
      withEverything((url, log) =>
        open(async (client) => {
          // For its end on a busy machine.
          const limits = { mcpKillMs: 30_000 }
          await withMcp(await httpTransport(client, url, { limits }), async ({ mcp, errors }) => {
            assert.ok((await mcp.listTools()).tools.length > 5)
            const echo = (message: string): Promise<unknown> => mcp.callTool({ name: 'echo', arguments: { message } })
            const long = 'ä€😀b'.repeat(20_000)
            assert.is(textOf(await echo(long)), `Echo: ${long}`)
            const many = await Promise.all(Array.from({ length: 10 }, (_, index) => echo(`${index}`)))
            assert.equal(
              many.map(textOf),
              Array.from({ length: 10 }, (_, index) => `Echo: ${index}`),
            )
            const progress: number[] = []
            const onprogress = ({ progress: done }: { progress: number }): void => void progress.push(done)
            const running = { name: 'trigger-long-running-operation', arguments: { duration: 0.3, steps: 3 } }
            assert.match(textOf(await mcp.callTool(running, undefined, { onprogress })), /completed/)
            assert.equal(progress.slice(0, 2), [1, 2])
            const sampling = { name: 'trigger-sampling-request', arguments: { prompt: 'x', maxTokens: 5 } }
            assert.match(textOf(await mcp.callTool(sampling)), /sampled here/)
            assert.equal(
              errors.map(String).filter((error) => !error.includes('progress notification')),
              [],
            )
            assert.match(log(), /Establishing new SSE stream/)
          })
          await eventually(() => log().includes('Received session termination request'), 30_000)
        }),
      ),
  )
}

for (const subject of shared) {
  const isNew = !subject.faults.has('noBlocks')

  test(`${subject.name}: a bearer token is the devbox's own variable, or nothing is sent at all`, () =>
    withHttp(
      () => {},
      ({ url, asked }) =>
        withClient(subject, async ({ client }) => {
          const bearerTokenEnvVar = 'MCP_TOKEN_OF_DEVBOX'
          const transport = await httpTransport(client, url, { bearerTokenEnvVar, headers: { 'X-Literal': 'literal' } })
          if (!isNew) {
            assert.ok((await failure(withMcp(transport, async () => {}))) instanceof UnsupportedError)
            return assert.equal(asked, [])
          }
          await withMcp(transport, async ({ mcp }) => {
            await mcp.listTools()
            await eventually(() => asked.some(({ method }) => method === 'GET'), 30_000)
          })
          assert.equal(new Set(asked.map(({ method }) => method)), new Set(['POST', 'GET', 'DELETE']))
          for (const { headers } of asked)
            assert.equal([headers['authorization'], headers['x-literal']], ['Bearer secret-7', 'literal'])
          assert.is(asked.at(-1)?.headers['mcp-session-id'], 'session-1')
          const before = asked.length
          await failure(
            withMcp(await httpTransport(client, url, { bearerTokenEnvVar: 'NOT_SET_THERE' }), async () => {}),
          )
          assert.is(asked.length, before)
          const twice = httpTransport(client, url, { bearerTokenEnvVar, headers: { Authorization: 'Basic x' } })
          assert.ok((await failure(twice)) instanceof TypeError)
        }),
    ))
}

test('a redirect is not followed, not even to the same server', () =>
  withHttp(
    ({ method }, response) => {
      const status = method === 'POST' ? 307 : 302
      response.writeHead(status, { location: '/elsewhere' }).end()
      return true
    },
    ({ url, asked }) =>
      withClient(ours, async ({ client }) => {
        const error = await failure(withMcp(await httpTransport(client, url), async () => {}))
        assert.match(error.message, /Redirect to .*\/elsewhere not followed/)
        assert.is(asked.length, 1)
      }),
  ))

test('a stream of messages that is redirected is none, and calls go on', () =>
  withHttp(
    ({ method }, response) => method === 'GET' && Boolean(response.writeHead(302, { location: '/elsewhere' }).end()),
    ({ url, asked }) =>
      withClient(ours, async ({ client }) => {
        await withMcp(await httpTransport(client, url), async ({ mcp, errors }) => {
          await eventually(() => errors.length > 0, 30_000)
          assert.match(String(errors[0]), /redirects to .*\/elsewhere, which is not followed/)
          await mcp.listTools()
        })
        assert.is(asked.filter(({ method }) => method === 'GET').length, 1)
      }),
  ))

/** How long a start may take, also on a busy machine. */
const STARTUP_MS = 1500
test('a server that does not answer the start in time is given up, and calls after the start may take longer', () =>
  withClient(ours, async ({ client }) => {
    await withHttp(
      () => true,
      async ({ url, asked }) => {
        // Ends by this, or not at all. Long enough for the request to get there.
        await failure(withMcp(await httpTransport(client, url, { startupTimeoutMs: 1000 }), async () => {}))
        assert.is(asked.length, 1)
      },
    )
    await withHttp(
      ({ message }, response) => {
        if (message?.method !== 'ping') return false
        setTimeout(() => {
          response.writeHead(200, { 'content-type': 'application/json' })
          response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: {} }))
        }, STARTUP_MS + 100)
        return true
      },
      async ({ url }) =>
        withMcp(
          await httpTransport(client, url, { startupTimeoutMs: STARTUP_MS }),
          async ({ mcp }) => void (await mcp.ping()),
        ),
    )
  }))

test('after a lost connection the stream of messages is opened anew, a call with numbered events is answered, and the next works', () => {
  const streams: ServerResponse[] = []
  const answerTo = (id: unknown): string => `id: 2\ndata: {"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{}}\n\n`
  let call: unknown
  let resumed = 0
  return withHttp(
    ({ method, headers, message }, response) => {
      if (method === 'GET' && headers['last-event-id'] === '1') {
        resumed++
        beginEvents(response, answerTo(call))
        return true
      }
      if (method === 'GET') {
        beginEvents(response)
        streams.push(response)
        return true
      }
      if (message?.method !== 'ping' || call !== undefined) return false
      call = message.id
      beginEvents(
        response,
        'id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}\n\n',
      )
      return true
    },
    ({ url }) =>
      withProxy(async ({ client, proxy }) => {
        await withMcp(await httpTransport(client, url), async ({ mcp }) => {
          const logged: unknown[] = []
          mcp.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params.data))
          await eventually(() => streams.length === 1, 30_000)
          const pinging = mcp.ping()
          pinging.catch(() => {})
          await eventually(() => logged.length === 1, 30_000, 'the first event of the call')
          proxy.down()
          await eventually(() => client.state === 'recovering', 30_000)
          proxy.up()
          await mcp.listTools()
          await pinging
          assert.is(resumed, 1)
          await eventually(() => streams.length === 2, 30_000, 'the stream, opened anew')
          streams[1]?.write(
            'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":2}}\n\n',
          )
          await eventually(() => logged.length === 2, 30_000, 'a message of the server by its stream')
          assert.equal(logged, [1, 2])
        })
      }),
  )
})

// Against a real one it needs a machine that is not busy: the cut must come within the 0.8 s that the call takes.
test.full(
  'server-everything: after a lost connection the stream of messages is opened anew, a call with numbered events is answered, and the next works',
  () =>
    withEverything((url, log) =>
      withProxy(async ({ client, proxy }) => {
        await withMcp(await httpTransport(client, url), async ({ mcp }) => {
          const logged: unknown[] = []
          mcp.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logged.push(params))
          await eventually(() => log().includes('Establishing new SSE stream'), 30_000)
          const progress: number[] = []
          const onprogress = ({ progress: done }: { progress: number }): void => void progress.push(done)
          // Over before the SDK asks for the rest: this server forgets whose stream that is, and only replays what has been.
          const running = { name: 'trigger-long-running-operation', arguments: { duration: 0.8, steps: 4 } }
          const call = mcp.callTool(running, undefined, { onprogress })
          call.catch(() => {})
          await eventually(() => progress.length > 0, 30_000)
          proxy.cut(3)
          await eventually(() => client.state === 'recovering', 30_000)
          assert.is(textOf(await mcp.callTool({ name: 'echo', arguments: { message: 'next' } })), 'Echo: next')
          assert.match(textOf(await call), /completed/)
          await eventually(
            () => log().includes('Last-Event-ID') && log().split('SSE stream').length > 2,
            30_000,
            'the stream, opened anew',
          )
          await mcp.callTool({ name: 'toggle-simulated-logging', arguments: {} })
          await eventually(() => logged.length > 0, 30_000, 'a message of the server by its stream')
        })
      }),
    ),
)

test('a call whose answer is lost with the connection, or with the response, fails at once', () => {
  const held: ServerResponse[] = []
  return withHttp(
    ({ message: ping }, response) => {
      if (ping?.method !== 'ping') return false
      const message = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"id: 5"}}'
      beginEvents(response, `event: message\ndata: ${message}\n\n`)
      held.push(response)
      return true
    },
    ({ url }) =>
      withProxy(async ({ client, proxy }) => {
        await withMcp(await httpTransport(client, url), async ({ mcp }) => {
          const lost = failure(mcp.ping())
          await eventually(() => held.length === 1, 30_000)
          await roundTrip(client)
          proxy.cut()
          assert.match((await lost).message, /no answer came: the connection to the exec-server was lost/)
          await mcp.listTools()

          const broken = failure(mcp.ping())
          await eventually(() => held.length === 2, 30_000)
          await roundTrip(client)
          held[1]?.destroy()
          assert.match((await broken).message, /no answer came: terminated/)

          const ended = failure(mcp.ping())
          await eventually(() => held.length === 3, 30_000)
          held[2]?.end()
          assert.match((await ended).message, /no answer came: the response has ended/)
          await mcp.listTools()
        })
      }),
  )
})

test('an answer that is there is never taken for a lost one', () => {
  const cuts: Promise<unknown>[] = []
  return withHttp(
    ({ message }, response) => {
      if (message?.method !== 'ping') return false
      beginEvents(response, `data: {"jsonrpc":"2.0",\ndata: "id":${message.id},"result":{}}\n\n`)
      setTimeout(() => response.destroy(), 20)
      cuts.push(once(response, 'close'))
      return true
    },
    ({ url }) =>
      withClient(ours, async ({ client }) => {
        await withMcp(await httpTransport(client, url), async ({ mcp, errors }) => {
          for (let round = 0; round < 5; round++) await mcp.ping()
          // By then each of the responses has been cut, and the client has been told of that.
          await Promise.all(cuts)
          await roundTrip(client)
          assert.equal(
            errors.map(String).filter((error) => !error.includes('SSE stream disconnected')),
            [],
          )
        })
      }),
  )
})

test('a server with sessions that is gone does not keep the transport from closing', () =>
  withClient(ours, async ({ client }) => {
    const server = await startHttpServer(({ method }) => method === 'DELETE')
    await withMcp(await httpTransport(client, server.url, { limits: { mcpKillMs: 300 } }), async () => {})
    assert.is(server.asked.at(-1)?.method, 'DELETE')
    server.close()
  }))

test('without the SDK a server over HTTP is refused with the reason', () =>
  withFolder(async (folder) => {
    cpSync(join(root, 'src'), join(folder, 'src'), { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    const program = `
      import { httpTransport, processTransport } from './src/client/mcp/index.ts'
      console.log(typeof processTransport)
      httpTransport({}, 'http://127.0.0.1/mcp').catch((error) => console.log(error.name + ': ' + error.message))`
    writeFileSync(join(folder, 'program.ts'), program)
    const args = [...(isDeno ? ['run', '-A', '--no-config'] : []), 'program.ts']
    const told = execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
    assert.is(
      told,
      'function\nUnsupportedError: MCP over HTTP needs the package @modelcontextprotocol/sdk, which is not installed\n',
    )
  }))

test.run()
