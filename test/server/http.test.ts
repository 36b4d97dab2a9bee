/** http/request on a real server, with real web servers and proxies on this machine. */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import process from 'node:process'
import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { Client } from '../support/client.ts'
import type { Answer } from '../support/client.ts'
import { isDeno, eventually, serverCommand, sleep, startServer } from '../support/server.ts'
import { startStdioServer } from '../support/stdio-server.ts'
import type { RunningServer } from '../support/server.ts'
import { suite } from '../support/suite.ts'
import {
  authorityFile,
  head,
  plainEnvironment,
  pour,
  redirect,
  reply,
  startProxy,
  valueOf,
  Web,
} from '../support/web.ts'
import type { Asked, Serve } from '../support/web.ts'

const MiB = 1024 * 1024

/** How much goes through in the memory test. */
const TEST_BYTES = Number(process.env['EXEC_SERVER_TEST_BYTES'] ?? 512 * MiB)

type Delta = { requestId: string; seq: number; deltaBase64: string; done: boolean; error: string | null }

let requests = 0

/** Asks for a URL. Fails rather than to wait for ever. */
async function ask(client: Client, url: string, more: object = {}, ms = 15_000): Promise<Answer> {
  const answer = client.ask('http/request', { method: 'GET', url, requestId: `r${++requests}`, ...more })
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new Error(`no answer within ${ms} ms to ${JSON.stringify({ url, ...more }).slice(0, 200)}`)),
    ms,
  )
  return Promise.race([answer, promise]).finally(() => clearTimeout(timer))
}

const textOf = ({ result, error }: Answer): string => {
  if (error !== undefined) throw new Error(error.message)
  return Buffer.from(result.bodyBase64, 'base64').toString()
}

const headersOf = ({ result }: Answer, name: string): string[] =>
  (result.headers as { name: string; value: string }[]).filter((each) => each.name === name).map(({ value }) => value)

const deltasOf = (client: Client, requestId: string): Delta[] =>
  client.notifications
    .filter(({ method }) => method === 'http/request/bodyDelta')
    .map(({ params }) => params as unknown as Delta)
    .filter((delta) => delta.requestId === requestId)

const bodyOf = (client: Client, requestId: string): Buffer =>
  Buffer.concat(deltasOf(client, requestId).map(({ deltaBase64 }) => Buffer.from(deltaBase64, 'base64')))

/** The end of a stream. */
const endOf = (client: Client, requestId: string): Promise<Delta> =>
  client.until(() => deltasOf(client, requestId).find(({ done }) => done), 15_000, `the end of ${requestId}`)

const stream = (client: Client, requestId: string, url: string, more: object = {}): Promise<Answer> =>
  ask(client, url, { requestId, streamResponse: true, ...more })

const openFiles = (server: RunningServer): number => readdirSync(`/proc/${server.child.pid}/fd`).length
const resident = (server: RunningServer): number =>
  Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.child.pid}/status`, 'latin1'))?.[1]) * 1024

/** A server of one's own, with a client, for as long as `use` takes. */
async function withServer(
  args: readonly string[],
  env: Record<string, string>,
  use: (client: Client, server: RunningServer) => Promise<void>,
): Promise<void> {
  const server = await startServer(args, plainEnvironment(env))
  try {
    const client = await Client.connect(server.url)
    await use(client, server)
    await client.drop()
    assert.is(server.stderr(), '')
  } finally {
    await server.stop()
  }
}

const HANDSHAKE = '{"id":1,"method":"initialize","params":{"clientName":"x"}}\n{"method":"initialized"}\n'
const request = (id: number, url: string, more: object = {}): string =>
  `${JSON.stringify({ id, method: 'http/request', params: { method: 'GET', url, requestId: `r${id}`, ...more } })}\n`

function startStdio() {
  const server = startStdioServer('stdio', plainEnvironment())
  const messages = (): { id?: number; result?: { bodyBase64: string }; error?: { code: number }; params?: Delta }[] =>
    server.lines.map((line) => JSON.parse(line))
  return {
    ...server,
    messages,
    answer: (id: number) => messages().find((message) => message.id === id),
    deltas: () => messages().flatMap(({ params }) => (params === undefined ? [] : [params])),
  }
}

/** Settles when a count that has begun does not grow any more, and tells it. */
async function standstill(count: () => number): Promise<number> {
  let before = 0
  await eventually(
    async () => {
      const isSame = before > 0 && count() === before
      before = count()
      if (!isSame) await sleep(400)
      return isSame
    },
    15_000,
    'a standstill',
  )
  return before
}

/** What takes its time, begun early so that the other tests can go on meanwhile. */
function begin<T>(work: () => Promise<T>): () => Promise<T> {
  const outcome = work().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  return async () => {
    const settled = await outcome
    if ('error' in settled) throw settled.error
    return settled.value
  }
}

/** A program whose stdin ends while peers of its requests will never have answered. */
async function endWithoutAnswers() {
  const web = await Web.start(({ target }, socket) => {
    if (target === '/endless') socket.write(`${head(200)}part`)
    if (target === '/half') socket.write(`${head(200, [['content-length', 10]])}part`)
  })
  const program = startStdio()
  program.child.stdin.end(
    HANDSHAKE + request(2, web.url('/never')) + request(4, web.url('/half')) + request(5, web.url('/endless')),
  )
  const before = Date.now()
  const code = await program.exit
  await web.stop()
  return { program, code, ms: Date.now() - before }
}

/** Requests to a peer that is silent for longer than idle connections are kept. */
async function askTheSilent() {
  const web = await Web.start(({ target }, socket) => {
    if (target === '/body') socket.write(`${head(200, [['content-length', 8]])}earl`)
    setTimeout(() => socket.write(target === '/body' ? 'late' : reply('late')), 4700)
  })
  const server = await startServer([], plainEnvironment())
  const client = await Client.connect(server.url)
  const late = ask(client, web.url('/head'))
  await stream(client, 'silent', web.url('/body'))
  const outcome = {
    late: textOf(await late),
    end: await endOf(client, 'silent'),
    body: bodyOf(client, 'silent').toString(),
  }
  await client.close()
  await server.stop()
  await web.stop()
  return outcome
}

/** A program whose parent reads a little of a stream, ends stdin and goes to sleep. Tells its exit code. */
async function endUnread() {
  let written = (): number => 0
  const web = await Web.start((_, socket) => {
    socket.write(head(200))
    written = pour(socket, 1024 * MiB, Buffer.alloc(64 * 1024))
  })
  const [command, args] = serverCommand(['--listen', 'stdio'])
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], env: plainEnvironment() })
  const exit = once(child, 'exit')
  child.stdin.write(HANDSHAKE + request(2, web.url(), { streamResponse: true }))
  await standstill(() => written())
  child.stdin.end()
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [code, signal] = (await exit) as [number | null, string | null]
  clearTimeout(timer)
  await web.stop()
  return code ?? signal
}

const ended = begin(endWithoutAnswers)
const unread = begin(endUnread)
const silent = begin(askTheSilent)

/** A suite with one server, one client and one web server, and its tests. */
function household(title: string, env: Record<string, string> = {}) {
  const test = suite(title)
  const house = { test } as {
    test: typeof test
    server: RunningServer
    client: Client
    web: Web
    serve: (serve: Serve) => void
  }
  test.before(async () => {
    house.web = await Web.start(() => {})
    house.server = await startServer([], plainEnvironment(env))
    house.client = await Client.connect(house.server.url)
    house.serve = (serve) => (house.web.serve = serve)
  })
  test.before.each(() => {
    house.web.asked.length = 0
    house.client.notifications.length = house.client.messages.length = 0
  })
  test.after(async () => {
    await house.client.drop()
    await house.server.stop()
    await house.web.stop()
    assert.is(house.server.stderr(), '')
  })
  return house
}

{
  const house = household('http/request: what goes over the wire', {
    EXEC_SERVER_TEST_TOKEN: 'sécret',
    EXEC_SERVER_TEST_EMPTY: '',
    OPENAI_API_KEY: 'key',
  })
  const { test } = house
  const get = (path = '/', more: object = {}): Promise<Answer> => ask(house.client, house.web.url(path), more)
  const host = (): [string, string] => ['host', `127.0.0.1:${house.web.port}`]

  test('a request has the headers asked for, in their order, in small letters, and little else', async () => {
    house.serve((_, socket) => socket.write(reply('ok')))
    const headers = [
      { name: 'X-B', value: '1' },
      { name: 'User-Agent', value: 'é€😀' },
      { name: 'x-b', value: '2' },
      { name: 'Cookie', value: 'a=b' },
    ]
    assert.is(textOf(await get('/a b/é?q=ö#fragment', { headers })), 'ok')
    const { method, target, lines, body } = house.web.last
    assert.equal([method, target, body.length], ['GET', '/a%20b/%C3%A9?q=%C3%B6', 0])
    const sent = Buffer.from('é€😀').toString('latin1')
    assert.equal(lines, [
      ['x-b', '1'],
      ['x-b', '2'],
      ['user-agent', sent],
      ['cookie', 'a=b'],
      ['accept', '*/*'],
      host(),
    ])
    await get()
    assert.equal(house.web.last.lines, [['accept', '*/*'], host()])
    await get('/', {
      headers: [
        { name: 'host', value: 'elsewhere.test' },
        { name: 'Accept', value: 'text/plain' },
      ],
    })
    assert.equal(house.web.last.lines, [
      ['host', 'elsewhere.test'],
      ['accept', 'text/plain'],
    ])
  })

  test('a method goes out as it is spelt', async () => {
    house.serve((_, socket) => socket.write(reply('ok')))
    for (const method of ['PROPFIND', 'M-SEARCH', 'X!y', 'get', 'Post']) {
      assert.ok((await get('/', { method })).result, method)
      assert.is(house.web.last.method, method)
    }
  })

  test('a tunnel cannot be asked for, in no spelling', async () => {
    house.serve((_, socket) => socket.write(reply('ok')))
    for (const method of ['CONNECT', 'connect', 'Connect']) {
      assert.is((await ask(house.client, house.web.url(), { method }, 3000)).error?.code, -32603, method)
    }
  })

  test('a body has its length told; without one only methods that should have a body have it told', async () => {
    house.serve((_, socket) => socket.write(reply('')))
    const length = async (method: string, bodyBase64: string | null): Promise<string | undefined> => {
      assert.ok((await get('/', { method, bodyBase64 })).result)
      assert.is(valueOf(house.web.last, 'transfer-encoding'), undefined)
      assert.is(house.web.last.body.toString(), atob(bodyBase64 ?? ''))
      return valueOf(house.web.last, 'content-length')
    }
    for (const method of ['GET', 'DELETE', 'POST', 'OPTIONS'])
      assert.is(await length(method, btoa('body')), '4', method)
    for (const body of ['', null]) {
      for (const method of ['GET', 'DELETE', 'HEAD', 'OPTIONS'])
        assert.is(await length(method, body), undefined, method)
      for (const method of ['POST', 'PUT', 'PATCH']) assert.is(await length(method, body), '0', method)
    }
  })

  test('headers that would frame the body otherwise do not', async () => {
    house.serve((_, socket) => socket.write(reply('ok')))
    const headers = [
      { name: 'Content-Length', value: '999' },
      { name: 'Transfer-Encoding', value: 'chunked' },
    ]
    for (const bodyBase64 of [btoa('body'), null]) {
      assert.is(textOf(await get('/', { method: 'PUT', headers, bodyBase64 })), 'ok')
      assert.equal(house.web.last.lines, [
        ['accept', '*/*'],
        host(),
        ['content-length', bodyBase64 === null ? '0' : '4'],
      ])
    }
  })

  test('headers about the connection are answered like any other, and the next request works', async () => {
    house.serve((_, socket) => socket.write(reply('ok')))
    for (const [name, value] of [
      ['connection', 'close'],
      ['expect', '100-continue'],
      ['te', 'trailers'],
      ['upgrade', 'h2c'],
      ['keep-alive', 'timeout=1'],
      ['trailer', 'x'],
    ] as const) {
      await get('/', { headers: [{ name, value }], method: 'POST', bodyBase64: btoa('x') })
      assert.is(textOf(await get()), 'ok', name)
    }
  })

  test('a large body arrives whole', async () => {
    house.serve(({ body }, socket) => socket.write(reply(createHash('sha256').update(body).digest('hex'))))
    const body = Buffer.alloc(8 * MiB, 'all work and no play ')
    assert.is(
      textOf(await get('/', { method: 'POST', bodyBase64: body.toString('base64') })),
      createHash('sha256').update(body).digest('hex'),
    )
  })

  test('a user and a password in the URL go into a header', async () => {
    house.serve((_, socket) => socket.write(reply('ok')))
    assert.is(textOf(await ask(house.client, house.web.url('/x').replace('//', '//us%C3%A9r:p%3A@'))), 'ok')
    assert.is(house.web.last.target, '/x')
    assert.is(valueOf(house.web.last, 'authorization'), `Basic ${Buffer.from('usér:p:').toString('base64')}`)
  })

  test("a header takes its value from the server's environment, except a credential's", async () => {
    house.serve((_, socket) => socket.write(reply('ok')))
    const from = (valueEnvVar: string) => get('/', { headers: [{ name: 'X-Token', value: 'Bearer ', valueEnvVar }] })
    assert.is(textOf(await from('EXEC_SERVER_TEST_TOKEN')), 'ok')
    assert.is(valueOf(house.web.last, 'x-token'), Buffer.from('Bearer sécret').toString('latin1'))
    for (const name of ['EXEC_SERVER_TEST_EMPTY', 'EXEC_SERVER_TEST_ABSENT', 'OPENAI_API_KEY', 'openai_api_key']) {
      const { error } = await from(name)
      assert.is(error?.code, -32602)
      assert.ok(error?.message.includes(name))
    }
    assert.is(house.web.asked.length, 1)
  })

  test('what is wrong with the params is -32602, and nobody is asked', async () => {
    const wrong = [
      { method: 'G T' },
      { url: '/x' },
      { url: 'ftp://x/' },
      { headers: [{ name: 'a b', value: '' }] },
      { headers: [{ name: 'a', value: '\n' }] },
      { bodyBase64: 'a!' },
      { headers: null },
      { requestId: null },
      { timeoutMs: -1 },
      { redirectPolicy: 'no' },
    ]
    for (const each of wrong) assert.is((await get('/', each)).error?.code, -32602, JSON.stringify(each))
    assert.is(house.web.asked.length, 0)
  })

  test('a compressed body comes as it is, whoever asked for it', async () => {
    const zipped = gzipSync('text '.repeat(1000))
    house.serve((_, socket) => socket.write(reply(zipped, [['content-encoding', 'gzip']])))
    for (const headers of [[], [{ name: 'accept-encoding', value: 'gzip' }]]) {
      const answer = await get('/', { headers })
      assert.is(answer.result.bodyBase64, zipped.toString('base64'))
      assert.equal(headersOf(answer, 'content-encoding'), ['gzip'])
      assert.equal(headersOf(answer, 'content-length'), [String(zipped.length)])
    }
    assert.is(valueOf(house.web.asked[0] as Asked, 'accept-encoding'), undefined)
  })

  test('the headers of a response keep their order and repeats; those that are no plain text are left out', async () => {
    const lines = [
      ['X-A', '1'],
      ['Set-Cookie', 'a=b'],
      ['x-a', '2'],
      ['X-Bad', 'caf\xe9'],
      ['Set-Cookie', 'c=d'],
      ['X-Quoted', '"a"\tb'],
      ['X-Long', 'l'.repeat(100_000)],
      ['Content-Type', 'x'],
      ['content-type', 'y'],
    ] as const
    house.serve((_, socket) => socket.write(reply('ok', lines)))
    const { result } = await get()
    assert.equal(
      result.headers.map(({ name, value }: { name: string; value: string }) => [name, value]),
      [
        ...lines.filter(([name]) => name !== 'X-Bad').map(([name, value]) => [name.toLowerCase(), value]),
        ['content-length', '2'],
      ],
    )
    await get()
    assert.is(valueOf(house.web.last, 'cookie'), undefined, 'no cookie is kept')
  })

  test('a response without a body has none, whatever its headers say', async () => {
    for (const [method, status, headers] of [
      ['HEAD', 200, [['content-length', 5]]],
      ['GET', 204, []],
      ['GET', 304, [['content-length', 5]]],
      ['GET', 200, [['content-length', 0]]],
    ] as const) {
      house.serve((_, socket) => socket.write(head(status, headers)))
      const { result } = await get('/', { method })
      assert.equal([result.status, result.bodyBase64], [status, ''])
      const id = `empty-${method}-${status}-${headers.length}`
      assert.is((await stream(house.client, id, house.web.url(), { method })).result.status, status)
      await endOf(house.client, id)
      assert.equal(deltasOf(house.client, id), [{ requestId: id, seq: 1, deltaBase64: '', done: true, error: null }])
    }
  })

  test('a body may be framed by its length, by chunks, or by the end of the connection', async () => {
    const shapes: Record<string, Serve> = {
      length: (_, socket) => socket.write(reply('hello')),
      chunks: (_, socket) =>
        socket.write(
          `${head(200, [['transfer-encoding', 'chunked']])}3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nx-trailer: t\r\n\r\n`,
        ),
      end: (_, socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nhello'),
      early: (_, socket) => socket.write(`HTTP/1.1 103 Early\r\nlink: x\r\n\r\n${reply('hello')}`),
    }
    for (const [name, serve] of Object.entries(shapes)) {
      house.serve(serve)
      assert.is(textOf(await get()), 'hello', name)
      await stream(house.client, name, house.web.url())
      assert.is((await endOf(house.client, name)).error, null, name)
      assert.is(bodyOf(house.client, name).toString(), 'hello', name)
    }
  })

  test('any status is a response', async () => {
    for (const status of [199 + 1, 299, 300, 400, 404, 500, 599, 999]) {
      house.serve((_, socket) => socket.write(reply('x', [], status)))
      assert.is((await get()).result.status, status)
    }
  })

  // ---- redirects ----

  test('redirects are followed, a POST becoming a GET without its body, or staying one', async () => {
    house.serve(({ target }, socket) =>
      socket.write(target === '/end' ? reply('here') : redirect('end', Number(target.slice(1)))),
    )
    for (const status of [301, 302, 303, 307, 308]) {
      house.web.asked.length = 0
      assert.is(
        textOf(
          await get(`/${status}`, {
            method: 'POST',
            bodyBase64: btoa('body'),
            headers: [{ name: 'authorization', value: 'a' }],
          }),
        ),
        'here',
      )
      const { method, body, target } = house.web.last
      assert.equal([method, body.toString(), target], status < 304 ? ['GET', '', '/end'] : ['POST', 'body', '/end'])
      assert.is(valueOf(house.web.last, 'authorization'), 'a')
      assert.is(valueOf(house.web.last, 'referer'), house.web.url(`/${status}`))
    }
    const stopped = await get('/302', { redirectPolicy: 'stop' })
    assert.equal([stopped.result.status, textOf(stopped), headersOf(stopped, 'location')], [302, 'moved', ['end']])
  })

  test('ten hops are followed and the eleventh is not', async () => {
    house.serve(({ target }, socket) =>
      socket.write(target === '/0' ? reply('end') : redirect(`/${Number(target.slice(1)) - 1}`)),
    )
    assert.is(textOf(await get('/10')), 'end')
    house.web.asked.length = 0
    assert.equal((await get('/11')).error, { code: -32603, message: 'http/request failed: too many redirects' })
    assert.is(house.web.asked.length, 11)
    assert.match((await stream(house.client, 'far', house.web.url('/11'))).error?.message ?? '', /too many redirects/)
  })

  test('another origin is shown no credentials and nothing of the environment', async () => {
    const other = await Web.start((_, socket) => socket.write(reply('there')))
    house.serve((_, socket) => socket.write(redirect(other.url('/x'), 307)))
    const headers = [
      { name: 'authorization', value: 'a' },
      { name: 'cookie', value: 'c' },
      { name: 'x-own', value: '1' },
      { name: 'X-Token', value: 'T ', valueEnvVar: 'EXEC_SERVER_TEST_TOKEN' },
    ]
    assert.is(textOf(await get('/secret-path', { headers })), 'there')
    assert.equal(other.last.lines, [
      ['x-own', '1'],
      ['referer', house.web.url()],
      ['accept', '*/*'],
      ['host', `127.0.0.1:${other.port}`],
    ])
    await other.stop()
  })

  test('a redirect that leads out of HTTP, or to nobody, is an error', async () => {
    house.serve((_, socket) => socket.write(redirect('file:///etc/passwd')))
    assert.match((await get()).error?.message ?? '', /unsupported URL scheme: file/)
    const gone = await Web.start(() => {})
    const url = gone.url()
    await gone.stop()
    house.serve((_, socket) => socket.write(redirect(url)))
    const { error } = await get()
    assert.is(error?.code, -32603)
    assert.ok(error?.message.includes(url), error?.message)
  })

  // ---- what does not work ----

  test('what cannot be reached or understood is -32603', async () => {
    const gone = await Web.start(() => {})
    const url = gone.url()
    await gone.stop()
    const refused = await ask(house.client, url)
    assert.is(refused.error?.code, -32603)
    assert.ok(
      refused.error?.message.startsWith(`http/request failed: error sending request for url (${url})`),
      refused.error?.message,
    )
    const wrong: Record<string, Serve> = {
      garbage: (_, socket) => socket.write('no HTTP at all\r\n\r\n'),
      hangup: (_, socket) => socket.destroy(),
      end: (_, socket) => socket.end(),
      half: (_, socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-'),
      'another protocol': (_, socket) => socket.write('HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
      'endless head': (_, socket) =>
        void pour(socket, 4 * MiB, Buffer.from(`HTTP/1.1 200 OK\r\n${'x-x: y\r\n'.repeat(50_000)}`)),
    }
    for (const [name, serve] of Object.entries(wrong)) {
      house.serve(serve)
      for (const streamResponse of [false, true]) {
        const { error } = await get('/', { streamResponse })
        assert.is(error?.code, -32603, name)
        assert.match(error?.message ?? '', /^http\/request failed: error sending request for url \(/, name)
      }
    }
  })

  test('a name that does not resolve is -32603', async () => {
    assert.is((await ask(house.client, 'http://exec-server-test.invalid/', {}, 60_000)).error?.code, -32603)
  })

  test('a body that breaks off is an error, never a shorter body', async () => {
    const broken: Record<string, Serve> = {
      length: (_, socket) => socket.end(`${head(200, [['content-length', 10]])}part`),
      chunk: (_, socket) => socket.end(`${head(200, [['transfer-encoding', 'chunked']])}4\r\npart\r\n`),
      nonsense: (_, socket) =>
        socket.write(`${head(200, [['transfer-encoding', 'chunked']])}4\r\npart\r\nno chunk\r\n`),
      // What the end of the connection ends is broken off by a reset.
      reset: (_, socket) => {
        socket.write(`${head(200)}part`)
        setTimeout(() => socket.resetAndDestroy(), 100)
      },
    }
    for (const [name, serve] of Object.entries(broken)) {
      house.serve(serve)
      const { error } = await get()
      assert.is(error?.code, -32603, name)
      assert.match(
        error?.message ?? '',
        /^failed to read http\/request response body: error decoding response body/,
        name,
      )
      const { result } = await stream(house.client, name, house.web.url())
      // The runtime may find fault with it before it hands the head out.
      if (result === undefined) continue
      assert.match((await endOf(house.client, name)).error ?? '', /^error decoding response body/, name)
      const deltas = deltasOf(house.client, name)
      assert.equal(
        deltas.map(({ seq, done }) => [seq, done]),
        deltas.map((_, index) => [index + 1, index === deltas.length - 1]),
      )
      assert.ok('part'.startsWith(bodyOf(house.client, name).toString()))
      assert.is(deltas.at(-1)?.deltaBase64, '')
    }
  })

  test('a timeout ends whatever there is: nothing yet, half a body, half a stream; and the peer is let go', async () => {
    const web = await Web.start(() => {})
    const ways: [string, Serve][] = [
      ['nothing', () => {}],
      ['by length', (_, socket) => socket.write(`${head(200, [['content-length', 10]])}part`)],
      ['by chunks', (_, socket) => socket.write(`${head(200, [['transfer-encoding', 'chunked']])}4\r\npart\r\n`)],
      ['by the end of the connection', (_, socket) => socket.write(`${head(200)}part`)],
    ]
    for (const [name, serve] of ways) {
      web.serve = serve
      const before = Date.now()
      const [buffered, streamed] = await Promise.all([
        ask(house.client, web.url(), { timeoutMs: 300 }),
        stream(house.client, name, web.url(), { timeoutMs: 300 }),
      ])
      assert.is(buffered.error?.code, -32603, name)
      assert.match(buffered.error?.message ?? '', /timed out/, name)
      if (name === 'nothing') assert.match(streamed.error?.message ?? '', /timed out/)
      else {
        assert.match((await endOf(house.client, name)).error ?? '', /^error decoding response body: .*timed out/, name)
        assert.is(bodyOf(house.client, name).toString(), 'part')
      }
      assert.ok(Date.now() - before >= 290)
    }
    await eventually(() => web.sockets.size === 0, 5000, 'the end of all connections')
    for (const streamResponse of [false, true]) {
      assert.is((await ask(house.client, web.url(), { timeoutMs: 0, streamResponse })).error?.code, -32603)
    }
    web.serve = (_, socket) => socket.write(reply('ok'))
    for (const timeoutMs of [60_000, 2 ** 40, 2 ** 53])
      assert.is(textOf(await ask(house.client, web.url(), { timeoutMs })), 'ok')
    await web.stop()
  })

  // ---- kept connections ----

  test('a connection is used again, and one that the server closes does not fail the next request', async () => {
    const other = await Web.start((_, socket) => socket.write(reply('ok')))
    for (let count = 0; count < 5; count++) assert.is(textOf(await ask(house.client, other.url())), 'ok')
    assert.is(other.connections, 1)
    for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
      for (const ms of [0, 1, 5]) {
        other.serve = (_, socket) => {
          socket.write(reply('ok'))
          setTimeout(() => socket[end](), ms)
        }
        for (let count = 0; count < 30; count++)
          assert.is(textOf(await ask(house.client, other.url())), 'ok', `${end} after ${ms} ms`)
      }
    }
    await other.stop()
  })

  test('a kept connection that dies under a request is replaced if the request may be repeated, and only then', async () => {
    const served = new WeakMap<Socket, number>()
    const other = await Web.start((_, socket) => {
      served.set(socket, (served.get(socket) ?? 0) + 1)
      if (served.get(socket) === 1) socket.write(reply('ok'))
      else socket.destroy()
    })
    for (let count = 0; count < 4; count++) assert.is(textOf(await ask(house.client, other.url())), 'ok')
    const { error } = await ask(house.client, other.url(), { method: 'POST', bodyBase64: btoa('once') })
    assert.is(other.asked.filter(({ method }) => method === 'POST').length, 1)
    // Deno would repeat it by itself, so it gets a connection of its own there.
    if (!isDeno) assert.is(error?.code, -32603)
    other.serve = (_, socket) => socket.destroy()
    assert.is((await ask(house.client, other.url())).error?.code, -32603)
    await other.stop()
  })

  test('a server that ends its answer before it has read the request is understood', async () => {
    house.serve(() => {})
    const other = await Web.start(() => {})
    // Answers with the first bytes, whatever follows.
    const sockets = new Set<Socket>()
    const answerAtOnce = setInterval(() => {
      for (const socket of other.sockets) {
        if (sockets.has(socket)) continue
        sockets.add(socket)
        socket.write(reply('too large', [['connection', 'close']], 413))
      }
    }, 5)
    const body = Buffer.alloc(4 * MiB).toString('base64')
    const answer = await ask(house.client, other.url(), { method: 'POST', bodyBase64: body })
    clearInterval(answerAtOnce)
    assert.equal([answer.result.status, textOf(answer)], [413, 'too large'])
    await other.stop()
  })

  test.run()
}

{
  const house = household('http/request: streams')
  const { test } = house
  const block = Buffer.from(Array.from({ length: 256 * 1024 }, (_, index) => (index * 7919) % 251))

  test('the answer comes before the first delta, the deltas in dense order, within the bound, with one end', async () => {
    const total = 12 * MiB + 5
    house.serve((_, socket) => {
      socket.write(
        head(200, [
          ['x-a', 'b'],
          ['content-length', total],
        ]),
      )
      pour(socket, total, block)
    })
    const { result } = await stream(house.client, 'é"', house.web.url())
    assert.equal([result.status, result.bodyBase64, result.headers[0]], [200, '', { name: 'x-a', value: 'b' }])
    await endOf(house.client, 'é"')
    const answerAt = house.client.messages.findIndex((text) => text.includes('"x-a"'))
    assert.ok(house.client.messages.findIndex((text) => text.includes('bodyDelta')) > answerAt)
    const deltas = deltasOf(house.client, 'é"')
    assert.ok(deltas.every(({ seq, done }, index) => seq === index + 1 && done === (index === deltas.length - 1)))
    assert.ok(deltas.every(({ deltaBase64 }) => Buffer.byteLength(deltaBase64, 'base64') <= 512 * 1024))
    assert.equal([deltas.at(-1)?.deltaBase64, deltas.at(-1)?.error], ['', null])
    const body = bodyOf(house.client, 'é"')
    assert.is(body.length, total)
    for (let at = 0; at < total; at += block.length) {
      assert.ok(body.subarray(at, at + block.length).equals(block.subarray(0, Math.min(block.length, total - at))))
    }
  })

  test('pieces come as soon as they are there', async () => {
    let socketOf: Socket | undefined
    house.serve((_, socket) => {
      socketOf = socket
      socket.write(head(200, [['content-type', 'text/event-stream']]))
    })
    await stream(house.client, 'events', house.web.url())
    for (let count = 1; count <= 5; count++) {
      socketOf?.write(`data: ${count}\n\n`)
      await house.client.until(() => bodyOf(house.client, 'events').toString().endsWith(`data: ${count}\n\n`))
    }
    assert.is(deltasOf(house.client, 'events').length, 5)
    socketOf?.end()
    assert.is((await endOf(house.client, 'events')).error, null)
  })

  test('the id of a stream is taken until its end, on its own connection only', async () => {
    let finish = (): void => {}
    house.serve(({ target }, socket) => {
      if (target !== '/slow') return void socket.write(reply('quick'))
      socket.write(`${head(200, [['content-length', 4]])}sl`)
      finish = () => void socket.write('ow')
    })
    const [first, second] = await Promise.all([
      stream(house.client, 'id', house.web.url('/slow')),
      stream(house.client, 'id', house.web.url('/slow')),
    ])
    assert.ok(first.result)
    assert.equal(second.error, {
      code: -32602,
      message: 'http/request streamResponse requestId `id` is already active',
    })
    assert.is(textOf(await ask(house.client, house.web.url(), { requestId: 'id' })), 'quick')
    const other = await Client.connect(house.server.url)
    await stream(other, 'id', house.web.url())
    await endOf(other, 'id')
    assert.is(bodyOf(other, 'id').toString(), 'quick')
    await other.close()
    finish()
    await endOf(house.client, 'id')
    assert.is(bodyOf(house.client, 'id').toString(), 'slow')
    house.client.notifications.length = 0
    assert.ok((await stream(house.client, 'id', house.web.url())).result)
    await endOf(house.client, 'id')
    assert.equal(
      deltasOf(house.client, 'id').map(({ seq }) => seq),
      [1, 2],
    )
    // After one that failed, too.
    assert.ok((await stream(house.client, 'id', 'http://127.0.0.1:1/')).error)
    assert.ok((await stream(house.client, 'id', house.web.url())).result)
    await endOf(house.client, 'id')
  })

  test('300 streams run at once, each with its own bytes', async () => {
    const parts: (() => void)[] = []
    house.serve(({ target }, socket) => {
      socket.write(`${head(200, [['content-length', 40_000]])}`)
      parts.push(() => socket.write(target.slice(1).padEnd(40_000, '.')))
    })
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, index) => stream(house.client, `many-${index}`, house.web.url(`/${index}-`))),
    )
    assert.ok(answers.every(({ result }) => result?.status === 200))
    assert.is(parts.length, 300)
    for (const part of parts) part()
    for (let index = 0; index < 300; index++) {
      assert.is((await endOf(house.client, `many-${index}`)).error, null)
      assert.is(bodyOf(house.client, `many-${index}`).toString(), `${index}-`.padEnd(40_000, '.'))
    }
  })

  test('512 requests may be under way on a connection, one more is refused, and other methods are answered', async () => {
    house.serve(() => {})
    const other = await Client.connect(house.server.url)
    const answers: Answer[] = []
    for (let index = 0; index < 513; index++) {
      void other
        .ask('http/request', {
          method: 'GET',
          url: house.web.url(),
          requestId: `b${index}`,
          streamResponse: index % 2 === 0,
        })
        .then((answer) => answers.push(answer))
    }
    await eventually(() => answers.length > 0, 10_000, 'a refusal')
    assert.is(answers[0]?.error?.code, -32001)
    assert.ok((await other.ask('environment/status', {})).result)
    await eventually(() => house.web.asked.length === 512, 15_000, '512 requests')
    assert.is(answers.length, 1)
    house.serve((_, socket) => socket.write(reply('ok')))
    assert.is(textOf(await ask(house.client, house.web.url())), 'ok')
    await other.drop()
  })

  // ---- cancellation ----

  test('when a client is gone its exchanges are broken off, answered or not, and nothing leaks', async () => {
    const web = await Web.start(({ target }, socket) => {
      if (target !== '/silent') socket.write(`${head(200, [['content-length', 10 * MiB]])}part`)
    })
    const { server } = house
    const round = async (count: number): Promise<void> => {
      const leaving = await Client.connect(server.url)
      const asked = web.asked.length
      for (let index = 0; index < count; index++) {
        const path = index % 4 === 0 ? '/silent' : '/part'
        void leaving.ask('http/request', {
          method: 'POST',
          url: web.url(path),
          requestId: `c${index}`,
          streamResponse: index % 2 === 0,
          timeoutMs: index % 3 === 0 ? 100_000 : null,
        })
      }
      await eventually(() => web.asked.length === asked + count, 10_000, 'all requests')
      const before = Date.now()
      await leaving.drop()
      await eventually(() => web.sockets.size === 0, 5000, 'the end of all connections')
      assert.ok(Date.now() - before < 3000)
    }
    await round(50)
    const before = openFiles(server)
    for (let count = 0; count < 4; count++) await round(50)
    await eventually(() => openFiles(server) <= before + 2, 5000, `${before} open files`)
    await web.stop()
  })

  test('who comes back finds the ids free and hears nothing of the old streams', async () => {
    let last: Socket | undefined
    house.serve((_, socket) => {
      last = socket
      socket.write(`${head(200, [['content-length', 100]])}part`)
    })
    const first = await Client.connect(house.server.url)
    await stream(first, 'same', house.web.url())
    await first.until(() => bodyOf(first, 'same').length === 4)
    const old = last
    await first.drop()
    await eventually(() => old?.destroyed === true, 5000, 'the end of the old stream')
    const second = await Client.connect(house.server.url, first.sessionId)
    house.serve((_, socket) => socket.write(reply('new')))
    assert.ok((await stream(second, 'same', house.web.url())).result)
    await endOf(second, 'same')
    assert.equal(
      deltasOf(second, 'same').map(({ seq, deltaBase64 }) => [seq, deltaBase64]),
      [
        [1, btoa('new')],
        [2, ''],
      ],
    )
    await second.close()
  })

  // ---- backpressure ----

  /** A client that counts and hashes what it gets of a stream, and keeps none of it. */
  async function counting(requestId: string) {
    const client = await Client.connect(house.server.url)
    const hash = createHash('sha256')
    const seen = { client, bytes: 0, deltas: 0, end: undefined as Delta | undefined, hash: () => hash.digest('hex') }
    const [receive] = client.socket.listeners('message') as ((data: Buffer) => void)[]
    client.socket.removeAllListeners('message')
    client.socket.on('message', (data: Buffer) => {
      const delta =
        /^\{"method":"http\/request\/bodyDelta","params":\{"requestId":"([^"]*)","seq":(\d+),"deltaBase64":"/.exec(
          data.subarray(0, 200).toString('latin1'),
        )
      if (delta === null || delta[1] !== requestId) return receive?.(data)
      const message = JSON.parse(data.toString('latin1')).params as Delta
      assert.is(message.seq, ++seen.deltas)
      if (message.done) seen.end = message
      const bytes = Buffer.from(message.deltaBase64, 'base64')
      seen.bytes += bytes.length
      hash.update(bytes)
    })
    return seen
  }

  test('a client that does not read holds the peer back, and nobody else; when it reads again all is there', async () => {
    const total = 96 * MiB
    let written = (): number => 0
    house.serve(({ target }, socket) => {
      if (target !== '/large') return void socket.write(reply('ok'))
      socket.write(head(200, [['content-length', total]]))
      written = pour(socket, total, block)
    })
    const seen = await counting('large')
    assert.ok((await stream(seen.client, 'large', house.web.url('/large'))).result)
    seen.client.socket.pause()
    const before = await standstill(() => written())
    // What the kernel's buffers of both connections take, and a little of ours.
    assert.ok(before < 48 * MiB, `${Math.round(before / MiB)} MiB taken of a body that nobody reads`)
    assert.is(textOf(await ask(house.client, house.web.url())), 'ok')
    seen.client.socket.resume()
    await eventually(() => seen.end !== undefined, 20_000, 'the end of the stream')
    assert.is(seen.end?.error, null)
    assert.is(seen.bytes, total)
    const whole = createHash('sha256')
    for (let at = 0; at < total; at += block.length) whole.update(block)
    assert.is(seen.hash(), whole.digest('hex'))
    await seen.client.close()
  })

  test('a body that has come whole is whole, whatever becomes of its connection while it waits for the client', async () => {
    let written = (): number => 0
    let isReset = false
    house.serve(({ target }, socket) => {
      if (target === '/flood') {
        socket.write(head(200))
        written = pour(socket, 1024 * MiB, block)
      } else {
        socket.write(reply('small'))
        socket.on('close', () => (isReset = true))
        setTimeout(() => socket.resetAndDestroy(), 100)
      }
    })
    const { client } = await counting('flood')
    assert.ok((await stream(client, 'flood', house.web.url('/flood'))).result)
    client.socket.pause()
    await standstill(() => written())
    const answer = stream(client, 'small', house.web.url('/small'))
    await eventually(() => isReset)
    await sleep(200)
    client.socket.resume()
    assert.ok((await answer).result)
    assert.is((await endOf(client, 'small')).error, null)
    assert.is(bodyOf(client, 'small').toString(), 'small')
    await client.drop()
  })

  test('a body of any size goes through in little memory', async () => {
    house.serve(({ target }, socket) => {
      const total = Number(target.slice(1))
      socket.write(head(200, [['content-length', total]]))
      pour(socket, total, block)
    })
    const run = async (id: string, total: number): Promise<number> => {
      const client = await Client.connect(house.server.url)
      let [length, end, peak] = [0, '', 0]
      const [receive] = client.socket.listeners('message') as ((data: Buffer) => void)[]
      client.socket.removeAllListeners('message')
      client.socket.on('message', (data: Buffer) => {
        if (data.length < 400 && !data.includes('bodyDelta')) return receive?.(data)
        const from = data.indexOf('"deltaBase64":"') + 15
        const to = data.indexOf('"', from)
        length += ((to - from) / 4) * 3 - (data[to - 1] === 0x3d ? 1 : 0) - (data[to - 2] === 0x3d ? 1 : 0)
        if (data.includes('"done":true', to)) end = data.toString('latin1')
      })
      assert.ok((await stream(client, id, house.web.url(`/${total}`))).result)
      while (end === '') {
        peak = Math.max(peak, resident(house.server))
        await sleep(20)
      }
      assert.match(end, /"done":true,"error":null/)
      assert.is(length, total)
      await client.close()
      return peak
    }
    const warm = await run('warm', Math.min(TEST_BYTES, 96 * MiB))
    const growth = (await run('cold', TEST_BYTES)) - warm
    assert.ok(growth < 64 * MiB, `${Math.round(growth / MiB)} MiB more for ${TEST_BYTES / MiB} MiB`)
  })

  test('a buffered body over the bound is refused before the whole of it has come', async () => {
    let written = (): number => 0
    let closed = false
    house.serve((_, socket) => {
      socket.on('close', () => (closed = true))
      socket.write(head(200))
      written = pour(socket, 1024 * MiB, block)
    })
    const { error } = await ask(house.client, house.web.url())
    assert.is(error?.code, -32603)
    assert.match(error?.message ?? '', /streamResponse/)
    await eventually(() => closed, 5000, 'the end of the connection')
    assert.ok(written() < 100 * MiB, `${Math.round(written() / MiB)} MiB taken`)
  })

  test('a large buffered body arrives whole', async () => {
    const body = Buffer.alloc(24 * MiB, block)
    house.serve((_, socket) => socket.write(reply(body)))
    const { result } = await ask(house.client, house.web.url())
    house.client.messages.length = 0
    assert.ok(Buffer.from(result.bodyBase64, 'base64').equals(body))
  })

  test('the output of processes and streams share a connection: none starves', async () => {
    house.serve((_, socket) => {
      socket.write(head(200))
      pour(socket, 4096 * MiB, block)
    })
    const sharing = await Client.connect(house.server.url)
    const bytes = new Map<string, number>()
    let read = 0
    const [receive] = sharing.socket.listeners('message') as ((data: Buffer) => void)[]
    sharing.socket.removeAllListeners('message')
    sharing.socket.on('message', (data: Buffer) => {
      const name =
        /^\{"method":"(?:process\/output|http\/request\/bodyDelta)","params":\{"(?:processId|requestId)":"([^"]*)"/.exec(
          data.subarray(0, 200).toString('latin1'),
        )?.[1]
      if (name === undefined) return receive?.(data)
      bytes.set(name, (bytes.get(name) ?? 0) + data.length)
      if ((read += data.length) < MiB / 2) return
      // The client is what is slow, so that there is something of all of them to be sent.
      read = 0
      sharing.socket.pause()
      setTimeout(() => sharing.socket.resume(), 10)
    })
    for (const id of ['a', 'b', 'c']) assert.ok((await stream(sharing, id, house.web.url())).result)
    await sharing.start('p', ['/usr/bin/yes'])
    bytes.clear()
    const names = ['a', 'b', 'c', 'p']
    await eventually(() => names.every((name) => (bytes.get(name) ?? 0) > 4 * MiB), 20_000, '4 MiB of each')
    const counts = names.map((name) => bytes.get(name) ?? 0)
    assert.ok(Math.max(...counts) < 8 * Math.min(...counts), counts.join(' '))
    assert.ok((await sharing.ask('environment/status', {})).result)
    await sharing.drop()
  })

  test('a peer may be silent for longer than idle connections are kept', async () => {
    const { late, end, body } = await silent()
    assert.equal([late, end.error, body], ['late', null, 'earllate'])
  })

  test.run()
}

{
  const test = suite('http/request: the end')

  test('after the end of stdin requests under way are still answered, if they are in time; streams end with an error', async () => {
    const web = await Web.start(({ target }, socket) => {
      if (target === '/late') setTimeout(() => socket.write(reply('late')), 700)
      else socket.write(`${head(200, [['transfer-encoding', 'chunked']])}4\r\npart\r\n`)
    })
    const program = startStdio()
    program.child.stdin.write(
      HANDSHAKE + request(2, web.url('/late')) + request(3, web.url('/stream'), { streamResponse: true }),
    )
    await eventually(() => program.deltas().length > 0)
    program.child.stdin.end()
    assert.is(await program.exit, 0)
    assert.is(program.answer(2)?.result?.bodyBase64, btoa('late'))
    assert.equal(
      program.deltas().map(({ deltaBase64, done }) => [deltaBase64, done]),
      [
        [btoa('part'), false],
        ['', true],
      ],
    )
    assert.match(program.deltas().at(-1)?.error ?? '', /^error decoding response body/)
    assert.is(program.stderr(), '')
    await web.stop()
  })

  test('those that are not in time end with an error, and the server with them', async () => {
    const { program, code, ms } = await ended()
    assert.is(code, 0)
    // Five seconds, on a quiet machine.
    assert.ok(ms > 4000 && ms < 30_000, `${ms} ms`)
    for (const id of [2, 4, 5]) assert.is(program.answer(id)?.error?.code, -32603, String(id))
    assert.is(program.stderr(), '')
  })

  test('a parent that has ended stdin and does not read ends the server, too, whatever is streaming', async () => {
    assert.is(await unread(), 0)
  })

  test('SIGTERM ends a server at once, whatever it has under way', async () => {
    const web = await Web.start(({ target }, socket) => {
      if (target === '/stream') socket.write(`${head(200)}part`)
    })
    const server = await startServer([], plainEnvironment())
    const client = await Client.connect(server.url)
    await stream(client, 's', web.url('/stream'))
    void client.ask('http/request', { method: 'GET', url: web.url('/silent'), requestId: 'x' })
    const stdio = startStdio()
    stdio.child.stdin.write(
      HANDSHAKE + request(2, web.url('/silent')) + request(3, web.url('/stream'), { streamResponse: true }),
    )
    await eventually(() => web.asked.length === 4 && stdio.messages().length >= 2)
    const before = Date.now()
    process.kill(stdio.child.pid as number, 'SIGTERM')
    assert.is(await server.stop(), 0)
    assert.is(await stdio.exit, 0)
    assert.ok(Date.now() - before < 2000, `${Date.now() - before} ms`)
    await eventually(() => web.sockets.size === 0, 2000, 'the end of all connections')
    assert.equal([server.stderr(), stdio.stderr()], ['', ''])
    await web.stop()
  })

  test.run()
}

{
  const test = suite('http/request: policy')
  const rules = (given: { allow?: string[]; deny?: string[] }): string[] => ['--http-policy', JSON.stringify(given)]

  /** Asks, and expects to be refused. */
  async function refused(client: Client, url: string, more: object = {}): Promise<void> {
    const { error, result } = await ask(client, url, more)
    assert.is(result, undefined, url)
    assert.is(error?.code, -32600, `${url}: ${error?.message}`)
    assert.match(error?.message ?? '', /not allowed.*--http-policy/)
  }

  test('a policy that cannot be read ends the server before it opens its door', () => {
    for (const value of [
      '',
      'nonsense',
      '/no/such/file',
      '{',
      '{"allow":5}',
      '{"deny":["http://x"]}',
      '{"allow":["10.0.0.0/99"]}',
      '{"other":[]}',
    ]) {
      const [command, args] = serverCommand(['--http-policy', value])
      const { status, stdout, stderr } = spawnSync(command, args, {
        encoding: 'utf8',
        timeout: 20_000,
        env: plainEnvironment(),
      })
      assert.is(status, 2, value)
      assert.is(stdout, '')
      assert.match(stderr, /^error: [^\n]*--http-policy[^\n]*\n$/)
    }
  })

  test('what is denied is never connected to: as an address, by its name, or behind a redirect', async () => {
    const denied = await Web.start((_, socket) => socket.write(reply('secret')), { address: '127.0.0.2' })
    const web = await Web.start((_, socket) => socket.write(redirect(denied.url('/', '127.0.0.2'), 307)))
    await withServer(rules({ deny: ['127.0.0.2', '127.1.0.0/16', '*.denied.test'] }), {}, async (client) => {
      for (const host of [
        '127.0.0.2',
        '0x7f.2',
        '2130706434',
        '127.2',
        '017700000002',
        '[::ffff:127.0.0.2]',
        '[::ffff:7f00:2]',
        '127.0.0.2.',
      ]) {
        for (const streamResponse of [false, true]) await refused(client, denied.url('/', host), { streamResponse })
      }
      await refused(client, 'http://127.1.2.3/')
      await refused(client, web.url(), { method: 'POST', bodyBase64: btoa('x') })
      await refused(client, web.url(), { streamResponse: true })
      assert.is((await ask(client, web.url(), { redirectPolicy: 'stop' })).result.status, 307)
    })
    await withServer(rules({ deny: ['127.0.0.0/8', '::1'] }), {}, async (client) => {
      for (const host of ['localhost', 'LOCALHOST', '127.0.0.1']) await refused(client, denied.url('/', host))
    })
    assert.is(denied.connections, 0)
    assert.ok(web.connections > 0)
    await denied.stop()
    await web.stop()
  })

  test('the address that means this machine is denied with its loopback addresses', async () => {
    const web = await Web.start((_, socket) => socket.write(reply('secret')))
    await withServer(rules({ deny: ['127.0.0.0/8', '::1'] }), {}, async (client) => {
      for (const host of ['0.0.0.0', '0', '[::ffff:0.0.0.0]', '[::]']) await refused(client, web.url('/', host))
    })
    assert.is(web.connections, 0)
    await web.stop()
  })

  test('with allow only what it names is asked, by name or by address', async () => {
    const web = await Web.start((_, socket) => socket.write(reply('ok')))
    await withServer(rules({ allow: ['localhost'] }), {}, async (client) => {
      assert.is(textOf(await ask(client, web.url('/', 'localhost'))), 'ok')
      assert.is(textOf(await ask(client, web.url('/', 'LocalHost'))), 'ok')
      await refused(client, web.url())
    })
    await withServer(rules({ allow: ['127.0.0.0/8', '::1'] }), {}, async (client) => {
      assert.is(textOf(await ask(client, web.url('/', 'localhost'))), 'ok')
      assert.is(textOf(await ask(client, web.url())), 'ok')
      await refused(client, 'http://10.0.0.1/')
      await refused(client, 'http://[64:ff9b::10.0.0.1]/')
    })
    await Promise.all([
      withServer(rules({ allow: ['localhost'], deny: ['127.0.0.1', '::1'] }), {}, (client) =>
        refused(client, web.url('/', 'localhost')),
      ),
      withServer(rules({ allow: [] }), {}, (client) => refused(client, web.url())),
    ])
    await web.stop()
  })

  test('a proxy is not asked for what is denied, nor for what cannot be judged', async () => {
    const proxy = await startProxy(1)
    const env = { ALL_PROXY: proxy.url() }
    await withServer(rules({ deny: ['10.0.0.0/8', 'denied.test'] }), env, async (client) => {
      for (const scheme of ['http', 'https']) {
        for (const host of ['denied.test', '10.1.2.3', '0xa.1.2.3', '[::ffff:10.1.2.3]', 'unresolved.invalid']) {
          await refused(client, `${scheme}://${host}/`)
        }
      }
      assert.is(proxy.connections, 0)
      assert.is(textOf(await ask(client, 'http://11.1.2.3/')), 'by proxy')
      proxy.serve = (_, socket) => socket.write(redirect('http://denied.test/'))
      await refused(client, 'http://11.1.2.3/')
      assert.equal(
        proxy.asked.map(({ target }) => target),
        ['http://11.1.2.3/', 'http://11.1.2.3/'],
      )
      proxy.serve = (_, socket) => socket.write(reply('by proxy'))
    })
    await withServer(rules({ allow: ['*.corp.test', '10.0.0.0/8'] }), env, async (client) => {
      assert.is(textOf(await ask(client, 'http://x.corp.test/')), 'by proxy')
      assert.is(textOf(await ask(client, 'http://10.0.0.1/')), 'by proxy')
      await refused(client, 'http://corp.invalid/')
    })
    await proxy.stop()
  })

  test.run()
}

{
  const test = suite('http/request: proxies and certificates')
  let tls: Web
  let proxy: Web
  const trusted = authorityFile()
  const env = (more: Record<string, string> = {}) => ({ CODEX_CA_CERTIFICATE: trusted, ...more })

  test.before(async () => {
    tls = await Web.start((_, socket) => socket.write(reply('secure')), { secure: true })
    proxy = await startProxy(tls.port)
  })
  test.before.each(() => {
    tls.asked.length = proxy.asked.length = 0
    proxy.connections = tls.connections = 0
  })
  test.after(async () => {
    await tls.stop()
    await proxy.stop()
  })

  test('a proxy is asked for the whole URL, with its credentials, and for nothing on this machine', async () => {
    const web = await Web.start((_, socket) => socket.write(reply('direct')))
    await withServer(
      [],
      { HTTP_PROXY: proxy.url().replace('//', '//us%C3%A9r:p%40@'), NO_PROXY: '127.0.0.0/8' },
      async (client) => {
        assert.is(
          textOf(
            await ask(client, 'http://somewhere.test/a?b#c', {
              method: 'PUT',
              bodyBase64: btoa('body'),
              headers: [{ name: 'X-A', value: '1' }],
            }),
          ),
          'by proxy',
        )
        const { method, target, lines, body } = proxy.last
        assert.equal([method, target, body.toString()], ['PUT', 'http://somewhere.test/a?b', 'body'])
        assert.equal(
          lines.filter(([name]) => name !== 'proxy-authorization'),
          [
            ['x-a', '1'],
            ['accept', '*/*'],
            ['host', 'somewhere.test'],
            ['content-length', '4'],
          ],
        )
        assert.is(valueOf(proxy.last, 'proxy-authorization'), `Basic ${Buffer.from('usér:p@').toString('base64')}`)
        await ask(client, 'http://somewhere.test:8080/')
        assert.is(proxy.last.target, 'http://somewhere.test:8080/')
        await stream(client, 's', 'http://somewhere.test/')
        await endOf(client, 's')
        assert.is(bodyOf(client, 's').toString(), 'by proxy')
        assert.is(proxy.asked.length, 3)
        for (const host of ['127.0.0.1', 'localhost'])
          assert.is(textOf(await ask(client, web.url('/', host))), 'direct')
        assert.is(proxy.asked.length, 3)
      },
    )
    await web.stop()
  })

  test('the variables may be small, ALL_PROXY serves what has none of its own, and NO_PROXY exempts', async () => {
    const serves = (name: string, url: string): Promise<void> =>
      withServer([], { [name]: url }, async (client) =>
        assert.is(textOf(await ask(client, 'http://somewhere.test/')), 'by proxy', name),
      )
    await Promise.all([
      serves('http_proxy', proxy.url()),
      serves('ALL_PROXY', proxy.url()),
      serves('all_proxy', proxy.url().replace('http://', '')),
    ])
    const before = proxy.connections
    await withServer([], { HTTP_PROXY: proxy.url(), NO_PROXY: 'other.test,somewhere.invalid:8080' }, async (client) => {
      assert.is((await ask(client, 'http://somewhere.invalid:8080/', {}, 60_000)).error?.code, -32603)
      assert.is(proxy.connections, before)
      assert.is(textOf(await ask(client, 'http://somewhere.invalid/')), 'by proxy')
    })
    await withServer([], { HTTP_PROXY: proxy.url(), REQUEST_METHOD: 'GET' }, async (client) => {
      const { connections } = proxy
      assert.is((await ask(client, 'http://somewhere.invalid/', {}, 60_000)).error?.code, -32603)
      assert.is(proxy.connections, connections)
    })
  })

  test('TLS goes through a tunnel, end to end, and the tunnel is used again', async () => {
    await withServer([], env({ HTTPS_PROXY: proxy.url().replace('//', '//u:p@') }), async (client) => {
      const headers = [{ name: 'authorization', value: 'for the server' }]
      for (let count = 0; count < 3; count++)
        assert.is(textOf(await ask(client, 'https://somewhere.test/x?y', { headers })), 'secure')
      assert.equal(
        proxy.asked.map(({ method, target }) => [method, target]),
        [['CONNECT', 'somewhere.test:443']],
      )
      assert.is(valueOf(proxy.last, 'proxy-authorization'), `Basic ${btoa('u:p')}`)
      assert.is(valueOf(proxy.last, 'authorization'), undefined)
      assert.equal(
        [tls.last.target, valueOf(tls.last, 'host'), valueOf(tls.last, 'authorization')],
        ['/x?y', 'somewhere.test', 'for the server'],
      )
      assert.is(valueOf(tls.last, 'proxy-authorization'), undefined)
      await stream(client, 's', 'https://somewhere.test:8443/')
      await endOf(client, 's')
      assert.is(bodyOf(client, 's').toString(), 'secure')
      assert.is(proxy.last.target, 'somewhere.test:8443')
    })
  })

  test('whoever is at the other end of a tunnel must be who was asked for, name or address', async () => {
    await withServer([], env({ HTTPS_PROXY: proxy.url() }), async (client) => {
      assert.is(textOf(await ask(client, 'https://203.0.113.5/')), 'secure')
      assert.is(proxy.last.target, '203.0.113.5:443')
      for (const host of ['other.test', '203.0.113.6', '[2001:db8::1]']) {
        const { error } = await ask(client, `https://${host}/`)
        assert.is(error?.code, -32603, host)
      }
      assert.ok(tls.asked.length === 1)
    })
    await withServer([], { HTTPS_PROXY: proxy.url() }, async (client) =>
      assert.is((await ask(client, 'https://somewhere.test/')).error?.code, -32603),
    )
  })

  test('a proxy may itself be spoken to over TLS, by the same authorities', async () => {
    const secure = await startProxy(tls.port, undefined, true)
    await withServer([], env({ ALL_PROXY: secure.url('/', 'localhost') }), async (client) => {
      assert.is(textOf(await ask(client, 'http://somewhere.test/')), 'by proxy')
      assert.is(textOf(await ask(client, 'https://somewhere.test/')), 'secure')
      assert.is((await ask(client, 'https://other.test/')).error?.code, -32603)
    })
    await withServer([], { ALL_PROXY: secure.url('/', 'localhost') }, async (client) => {
      for (const scheme of ['http', 'https'])
        assert.is((await ask(client, `${scheme}://somewhere.test/`)).error?.code, -32603, scheme)
    })
    await secure.stop()
  })

  test('a proxy that fails is an error, and nobody is asked directly', async () => {
    const gone = await Web.start(() => {})
    const goneUrl = gone.url()
    await gone.stop()
    const fails = async (client: Client, name: string): Promise<void> => {
      const { error } = await ask(client, 'https://somewhere.test/', {}, 3000)
      assert.is(error?.code, -32603, name)
      assert.match(
        error?.message ?? '',
        /^http\/request failed: error sending request for url \(https:\/\/somewhere\.test\/\)/,
        name,
      )
    }
    await Promise.all(
      [goneUrl, 'socks5://127.0.0.1:1', 'http://'].map((url) =>
        withServer([], env({ HTTPS_PROXY: url }), (client) => fails(client, url)),
      ),
    )
    const bad = await Web.start(() => {})
    const ways: [string, Serve][] = [
      ['407', (_, socket) => socket.write(reply('who are you', [], 407))],
      [
        'a tunnel all the same',
        (_, socket) => {
          const onward = connect(tls.port, '127.0.0.1')
          onward.on('error', () => {})
          socket.write(head(403))
          socket.pipe(onward).pipe(socket)
        },
      ],
      ['closes', (_, socket) => socket.destroy()],
      ['nonsense', (_, socket) => socket.write('nonsense\r\n\r\n')],
      ['tunnel that ends', (_, socket) => socket.end(head(200))],
      ['tunnel to nonsense', (_, socket) => socket.write(`${head(200)}nonsense nonsense nonsense`)],
    ]
    await withServer([], env({ HTTPS_PROXY: bad.url() }), async (client) => {
      for (const [name, serve] of ways) {
        bad.serve = serve
        await fails(client, name)
      }
    })
    await bad.stop()
  })

  test('a proxy that is silent is waited for no longer than was asked, and is let go with the client', async () => {
    for (const silent of [(): void => {}, (_: Asked, socket: Socket): void => void socket.write(head(200))]) {
      const hole = await Web.start(silent)
      await withServer([], env({ ALL_PROXY: hole.url() }), async (client, server) => {
        const until = async (scheme: string, streamResponse: boolean): Promise<void> => {
          const requestId = `${scheme} ${streamResponse}`
          const answer = await ask(
            client,
            `${scheme}://somewhere.test/`,
            { timeoutMs: 300, streamResponse, requestId },
            3000,
          )
          // To a plain request its answer is a head and an endless body.
          if (answer.result !== undefined)
            assert.match((await endOf(client, requestId)).error ?? '', /timed out/, requestId)
          else assert.match(answer.error?.message ?? '', /timed out/, requestId)
        }
        await Promise.all(['http', 'https'].flatMap((scheme) => [until(scheme, false), until(scheme, true)]))
        await eventually(() => hole.sockets.size === 0, 5000, 'the end of what timed out')
        const leaving = await Client.connect(server.url)
        const before = openFiles(server)
        for (let index = 0; index < 20; index++) {
          void leaving.ask('http/request', {
            method: 'GET',
            url: 'https://somewhere.test/',
            requestId: `${index}`,
            streamResponse: index % 2 === 0,
          })
        }
        await eventually(() => hole.sockets.size === 20, 5000, 'all tunnels')
        await leaving.drop()
        await eventually(() => hole.sockets.size === 0, 5000, 'the end of all tunnels')
        await eventually(() => openFiles(server) <= before, 5000, 'no more open files')
      })
      await hole.stop()
    }
  })

  // ---- certificates ----

  test('an authority that the environment adds is trusted, and no other', async () => {
    const trusts = (name: string): Promise<void> =>
      withServer([], { [name]: trusted }, async (client) => {
        assert.is(textOf(await ask(client, tls.url('/', 'localhost'))), 'secure', name)
        assert.is(textOf(await ask(client, tls.url())), 'secure', name)
      })
    await Promise.all(['CODEX_CA_CERTIFICATE', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'].map(trusts))
    await withServer([], {}, async (client) => {
      const { asked } = tls
      const before = asked.length
      const { error } = await ask(client, tls.url('/', 'localhost'))
      assert.is(error?.code, -32603)
      assert.match(error?.message ?? '', /certificate/)
      assert.is(asked.length, before)
    })
    await withServer([], { CODEX_CA_CERTIFICATE: '/no/such/file' }, async (client) => {
      assert.is((await ask(client, tls.url('/', 'localhost'))).error?.code, -32603)
      const web = await Web.start((_, socket) => socket.write(reply('plain')))
      assert.is(textOf(await ask(client, web.url())), 'plain')
      await web.stop()
    })
  })

  test('the name in the URL is the one that is verified, whatever the host header says', async () => {
    const other = await Web.start((_, socket) => socket.write(reply('secure')), { secure: true, address: '127.0.0.2' })
    await withServer([], env(), async (client) => {
      const named = (url: string, host: string) => ask(client, url, { headers: [{ name: 'host', value: host }] })
      assert.is(textOf(await named(tls.url('/', 'localhost'), 'other.test')), 'secure')
      assert.is(valueOf(tls.last, 'host'), 'other.test')
      for (const host of ['localhost', 'somewhere.test', '127.0.0.1']) {
        assert.is((await named(other.url('/', '127.0.0.2'), host)).error?.code, -32603, host)
      }
      assert.match((await ask(client, other.url('/', '127.0.0.2'))).error?.message ?? '', /127\.0\.0\.2/)
      assert.is(other.asked.length, 0)
    })
    await other.stop()
  })

  test('streams, large bodies and redirects work over TLS, and a connection is used again', async () => {
    const total = 4 * MiB
    const serve = tls.serve
    tls.serve = ({ target }, socket) => {
      if (target === '/redirect') return void socket.write(redirect('/large'))
      socket.write(head(200, [['content-length', total]]))
      pour(socket, total, Buffer.alloc(64 * 1024, 'x'))
    }
    await withServer([], env(), async (client) => {
      await stream(client, 's', tls.url('/large', 'localhost'))
      await endOf(client, 's')
      assert.is(bodyOf(client, 's').length, total)
      assert.is(textOf(await ask(client, tls.url('/redirect', 'localhost'))).length, total)
      const before = tls.connections
      for (let count = 0; count < 3; count++) await ask(client, tls.url('/large', 'localhost'))
      assert.ok(tls.connections <= before + 1)
    })
    tls.serve = serve
  })

  test.run()
}
