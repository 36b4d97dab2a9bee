/** http/request on a real server, with real web servers on this machine: what goes over the wire. */
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import * as assert from 'uvu/assert'
import type { Answer } from '../../support/client.ts'
import {
  ask,
  bodyOf,
  deltasOf,
  endOf,
  headersOf,
  household,
  MiB,
  readByPeer,
  stream,
  textOf,
} from '../../support/web/http.ts'
import { atEnd } from '../../support/scope.ts'
import { isDeno, eventually } from '../../support/server.ts'
import { isTimerOver } from '../../support/time/timers.ts'
import { head, pour, redirect, reply, valueOf, Web } from '../../support/web/web.ts'
import type { Serve } from '../../support/web/web.ts'

const house = household('http/request: what goes over the wire', {
  EXEC_SERVER_TEST_TOKEN: 'sécret',
  EXEC_SERVER_TEST_EMPTY: '',
  OPENAI_API_KEY: 'key',
})
const { test } = house
const get = (path = '/', more: object = {}): Promise<Answer> => ask(house.client, house.web.url(path), more)
/** The headers that are added to every request. */
const defaults = (): [string, string][] => [
  ['accept', '*/*'],
  ['accept-encoding', isDeno ? 'gzip' : 'zstd,gzip'],
]
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
  assert.equal(lines, [['x-b', '1'], ['x-b', '2'], ['user-agent', sent], ['cookie', 'a=b'], ...defaults(), host()])
  await get()
  assert.equal(house.web.last.lines, [...defaults(), host()])
  await get('/', {
    headers: [
      { name: 'host', value: 'elsewhere.test' },
      { name: 'Accept', value: 'text/plain' },
      { name: 'Accept-Encoding', value: 'identity' },
    ],
  })
  assert.equal(house.web.last.lines, [
    ['host', 'elsewhere.test'],
    ['accept', 'text/plain'],
    ['accept-encoding', 'identity'],
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
    assert.is((await ask(house.client, house.web.url(), { method })).error?.code, -32603, method)
  }
})

test('a body has a content-length; without a body only methods that should have one do', async () => {
  house.serve((_, socket) => socket.write(reply('')))
  const length = async (method: string, bodyBase64: string | null): Promise<string | undefined> => {
    assert.ok((await get('/', { method, bodyBase64 })).result)
    assert.is(valueOf(house.web.last, 'transfer-encoding'), undefined)
    assert.is(house.web.last.body.toString(), atob(bodyBase64 ?? ''))
    return valueOf(house.web.last, 'content-length')
  }
  for (const method of ['GET', 'DELETE', 'POST', 'OPTIONS']) assert.is(await length(method, btoa('body')), '4', method)
  for (const body of ['', null]) {
    for (const method of ['GET', 'DELETE', 'HEAD', 'OPTIONS']) assert.is(await length(method, body), undefined, method)
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
    assert.equal(house.web.last.lines, [...defaults(), host(), ['content-length', bodyBase64 === null ? '0' : '4']])
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

test('invalid params are -32602, and no request is sent', async () => {
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

const LINE_FEEDS = 'heads with bare line feeds, or the same length twice, are understood'
test(LINE_FEEDS, async () => {
  const answers = [
    'HTTP/1.1 200 OK\ncontent-length: 4\nx-a: b\n\n\nok\n',
    'HTTP/1.1 103 Early\nx: y\n\nHTTP/1.1 200\r\nx-a: b\ncontent-length: 4\r\n\n\nok\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nx-a: b\r\ncontent-length: 4\r\n\r\n\nok\n',
    'HTTP/1.1 200 OK\r\nx-a: b\r\ncontent-length: 4, 4\r\n\r\n\nok\n',
    'HTTP/1.1 200 OK\nx-a: b\ntransfer-encoding: chunked\n\n4\r\n\nok\n\r\n0\r\n\r\n',
  ]
  for (const answer of answers) {
    house.serve((_, socket) => socket.write(answer))
    const got = await get()
    assert.is(textOf(got), '\nok\n', answer)
    assert.equal(headersOf(got, 'x-a'), ['b'], answer)
  }
  assert.is(house.web.connections, 1, 'on one connection')
  house.serve((_, socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok'))
  assert.is((await get()).error?.code, -32603, 'two lengths')
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
    ...defaults(),
    ['host', `127.0.0.1:${other.port}`],
  ])
  await other.stop()
})

test('a redirect out of HTTP, or to a host that does not answer, is an error', async () => {
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
    nonsense: (_, socket) => socket.write(`${head(200, [['transfer-encoding', 'chunked']])}4\r\npart\r\nno chunk\r\n`),
    // What the end of the connection ends is broken off by a reset.
    reset: (_, socket) => {
      socket.write(`${head(200)}part`)
      void readByPeer(socket).then(() => socket.resetAndDestroy())
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
  // Time enough for half a body to come on a busy machine.
  const timeoutMs = 1500
  const times = async ([name]: [string, Serve], index: number): Promise<void> => {
    const before = performance.now()
    const [buffered, streamed] = await Promise.all([
      ask(house.client, web.url(`/${index}`), { timeoutMs }),
      stream(house.client, name, web.url(`/${index}`), { timeoutMs }),
    ])
    assert.is(buffered.error?.code, -32603, name)
    assert.match(buffered.error?.message ?? '', /timed out/, name)
    if (name === 'nothing') assert.match(streamed.error?.message ?? '', /timed out/)
    else {
      assert.match((await endOf(house.client, name)).error ?? '', /^error decoding response body: .*timed out/, name)
      assert.is(bodyOf(house.client, name).toString(), 'part')
    }
    assert.ok(isTimerOver(performance.now() - before, timeoutMs))
  }
  web.serve = (asked, socket) => ways[Number(asked.target.slice(1))]?.[1](asked, socket)
  await Promise.all(ways.map(times))
  await eventually(() => web.sockets.size === 0, 30_000, 'the end of all connections')
  for (const streamResponse of [false, true]) {
    assert.is((await ask(house.client, web.url(), { timeoutMs: 0, streamResponse })).error?.code, -32603)
  }
  web.serve = (_, socket) => socket.write(reply('ok'))
  for (const long of [60_000, 2 ** 40, 2 ** 53])
    assert.is(textOf(await ask(house.client, web.url(), { timeoutMs: long })), 'ok')
  await web.stop()
})

// ---- kept connections ----

/** Has the server close connections at about the time of the next request, so many times in each manner. */
async function closeUnderway(rounds: number): Promise<void> {
  const other = await Web.start((_, socket) => socket.write(reply('ok')))
  for (let count = 0; count < 5; count++) assert.is(textOf(await ask(house.client, other.url())), 'ok')
  assert.is(other.connections, 1)
  for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
    for (const ms of [0, 1, 5]) {
      other.serve = (_, socket) => {
        socket.write(reply('ok'))
        setTimeout(() => socket[end](), ms)
      }
      for (let count = 0; count < rounds; count++)
        assert.is(textOf(await ask(house.client, other.url())), 'ok', `${end} after ${ms} ms`)
    }
  }
  await other.stop()
}

const CLOSING = 'a connection is used again, and one that the server closes does not fail the next request'
test(CLOSING, () => closeUnderway(8))
test.full(`${CLOSING}, at any moment`, () => closeUnderway(30))

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
  // Not told of a connection before its request is whole.
  const answerAtOnce = setInterval(() => {
    for (const socket of other.sockets) {
      if (sockets.has(socket)) continue
      sockets.add(socket)
      socket.write(reply('too large', [['connection', 'close']], 413))
    }
  }, 5)
  atEnd(() => clearInterval(answerAtOnce))
  const body = Buffer.alloc(4 * MiB).toString('base64')
  const answer = await ask(house.client, other.url(), { method: 'POST', bodyBase64: body })
  clearInterval(answerAtOnce)
  assert.equal([answer.result.status, textOf(answer)], [413, 'too large'])
  await other.stop()
})

test.run()
