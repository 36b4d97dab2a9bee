/** Previews of programs on the devbox, through the executable. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, request as httpRequest } from 'node:http'
import type { ServerResponse } from 'node:http'
import * as assert from 'uvu/assert'
import { WebSocket, WebSocketServer } from 'ws'
import { Client } from '../../support/client.ts'
import { eventually } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { ask, listenOn, openPreview, servePreviews, startProgram, textOf } from './browser.ts'

const test = suite('previews', { limitMs: 180_000 })

const MiB = 1024 * 1024

test('a request comes to the program as from its own machine, and its answer back as it is', async () => {
  const server = await servePreviews()
  const seen: unknown[] = []
  const program = await startProgram((request, response) => {
    const { host, cookie, origin, accept } = request.headers
    seen.push([request.method, request.url, host, cookie, origin, accept])
    response.writeHead(418, 'Teapot', { 'x-own': 'ä', 'set-cookie': ['a=1; Domain=localhost', 'b=2'] }).end('short')
  })
  const { port, headers } = await openPreview(server, program)
  const { host, cookie } = headers
  const sent = { host, cookie: `${cookie}; own=1`, origin: `http://${host}`, accept: 'x/y' }
  const answer = await ask(port, { method: 'PATCH', path: '/a%2Fb//c?d=e&f', headers: sent }, 'body')
  assert.equal(seen, [
    ['PATCH', '/a%2Fb//c?d=e&f', `localhost:${program}`, 'own=1', `http://localhost:${program}`, 'x/y'],
  ])
  assert.equal([answer.statusCode, answer.statusMessage, answer.headers['x-own']], [418, 'Teapot', 'ä'])
  assert.equal(answer.headers['set-cookie'], ['a=1', 'b=2'])
  assert.is(await textOf(answer), 'short')
})

test('100 MiB go both ways unchanged', async () => {
  const server = await servePreviews()
  const program = await startProgram((request, response) => void request.pipe(response))
  const { port, headers } = await openPreview(server, program)
  const piece = randomBytes(MiB)
  const [sent, received] = [createHash('sha256'), createHash('sha256')]
  const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers, agent: false })
  const sending = (async () => {
    for (let count = 0; count < 100; count++) {
      piece.writeUInt32LE(count)
      sent.update(piece)
      if (!request.write(Buffer.from(piece))) await once(request, 'drain')
    }
    request.end()
  })()
  const [answer] = await once(request, 'response')
  for await (const bytes of answer) received.update(bytes)
  await sending
  assert.is(received.digest('hex'), sent.digest('hex'))
})

test('a browser that does not read holds the program back, and a program that does not read the browser', async () => {
  const server = await servePreviews()
  let written = 0
  const program = await startProgram((request, response) => {
    if (request.method === 'POST') return
    const fill = (): void => {
      do written += MiB
      while (response.write(Buffer.alloc(MiB)))
    }
    response.on('drain', fill)
    fill()
  })
  const { port, headers } = await openPreview(server, program)
  /** Round trips through the same server show that it had time to go on. */
  const standsStill = async (count: () => number): Promise<boolean> => {
    const before = count()
    for (let trips = 0; trips < 50; trips++) await textOf(await ask(port, { path: '/readyz' }))
    return count() === before
  }
  const answer = await ask(port, { headers })
  answer.pause()
  await eventually(() => standsStill(() => written))
  assert.ok(written < 64 * MiB, `${written / MiB} MiB of an answer that is not read`)
  answer.destroy()

  const upload = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers, agent: false })
  upload.on('error', () => {})
  let taken = 0
  const send = (): void =>
    void upload.write(Buffer.alloc(MiB), (error) => {
      if (error) return
      taken += MiB
      send()
    })
  send()
  await eventually(() => standsStill(() => taken))
  assert.ok(taken < 64 * MiB, `${taken / MiB} MiB of a body that is not read`)
  upload.destroy()
})

test('events come as they are sent, and the program hears that the browser has gone', async () => {
  const server = await servePreviews()
  const responses: ServerResponse[] = []
  const program = await startProgram((_, response) => {
    responses.push(response)
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
  })
  const { port, headers } = await openPreview(server, program)
  const answer = await ask(port, { headers })
  assert.is(answer.headers['content-type'], 'text/event-stream')
  for (const event of ['data: one\n\n', 'data: two\n\n']) {
    responses[0]?.write(event)
    const [bytes] = await once(answer, 'data')
    assert.is(String(bytes), event)
  }
  const gone = once(responses[0] as ServerResponse, 'close')
  answer.destroy()
  await gone
})

test('a WebSocket works both ways, with its subprotocol, and ends with its code', async () => {
  const server = await servePreviews()
  const http = createServer()
  const sockets = new WebSocketServer({ server: http })
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    socket.on('close', (code, reason) => http.emit('ended', code, String(reason)))
  })
  const { port, headers } = await openPreview(server, await listenOn(http))
  const socket = new WebSocket(`ws://127.0.0.1:${port}/hmr?token=1`, ['vite-hmr'], {
    headers,
    origin: `http://${headers.host}`,
  })
  await once(socket, 'open')
  assert.is(socket.protocol, 'vite-hmr')
  const big = randomBytes(3 * MiB)
  socket.send(big)
  const [echo] = await once(socket, 'message')
  assert.is(Buffer.compare(echo, big), 0)
  const ended = once(http, 'ended')
  socket.close(4001, 'bye')
  assert.equal(await ended, [4001, 'bye'])
})

test('a WebSocket that the program refuses is refused with its answer', async () => {
  const server = await servePreviews()
  const http = createServer().on('upgrade', (_, socket) =>
    socket.end('HTTP/1.1 403 Forbidden\r\nX-Own: 1\r\nContent-Length: 4\r\n\r\nnope'),
  )
  const { port, headers } = await openPreview(server, await listenOn(http))
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { headers })
  const [, answer] = await once(socket, 'unexpected-response')
  assert.equal([answer.statusCode, answer.headers['x-own']], [403, '1'])
  assert.is(await textOf(answer), 'nope')
})

test('the URL and the cookie of a preview are no way to the server', async () => {
  const server = await servePreviews('--capability-url', '--mcp')
  const program = await startProgram((_, response) => response.end('program'))
  const { port, headers } = await openPreview(server, program)
  const token = headers.cookie.slice(headers.cookie.indexOf('=') + 1)
  const status = async (path: string, more: Record<string, string> = {}): Promise<number | undefined> =>
    (await ask(port, { path, headers: more })).statusCode
  for (const path of ['/metrics', '/mcp', '/port/1/']) assert.is(await status(`/c/${token}${path}`), 401, path)
  assert.is(await status(`/port/${program}/`), 401)
  assert.is(await status('/metrics', { cookie: headers.cookie }), 401)
  const upgrade = new WebSocket(`ws://127.0.0.1:${port}/c/${token}`)
  assert.match(String((await once(upgrade, 'error'))[0]), /401/)
  for (const path of [`/c/${token}`, '/', server.url.replace(/^ws:\/\/[^/]*/, '')]) {
    const own = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers, origin: `http://${headers.host}` })
    assert.match(String((await once(own, 'error'))[0]), /200/, 'the program answers, not the server')
  }
})

test('many requests of one page leave room for agents', async () => {
  const server = await servePreviews('--max-connections', '2')
  const program = await startProgram((_, response) => response.flushHeaders())
  const { port, headers } = await openPreview(server, program)
  const held = await Promise.all(Array.from({ length: 256 }, () => ask(port, { headers })))
  assert.ok(held.every(({ statusCode }) => statusCode === 200))
  const refused = await ask(port, { headers })
  assert.is(refused.statusCode, 503)
  assert.match(await textOf(refused), /too many requests of previews/)
  const client = await Client.connect(server.url)
  assert.is((await client.run('p', ['/bin/echo', 'room'])).output, 'room\n')
  await client.close()
  for (const each of held) each.destroy()
})

test('no descriptor stays open behind pages that come and go', async () => {
  const server = await servePreviews()
  const program = await startProgram((request, response) => {
    if (request.url === '/cut') response.destroy()
    else response.end('ok')
  })
  const { port, headers } = await openPreview(server, program)
  const descriptors = (): number => readdirSync(`/proc/${server.child.pid}/fd`).length
  await textOf(await ask(port, { headers }))
  const before = descriptors()
  for (let count = 0; count < 100; count++) {
    const answer = await ask(port, { headers, path: count % 2 === 0 ? '/' : '/cut' })
    answer.resume()
  }
  await eventually(() => descriptors() <= before)
})

for (const option of ['--http-policy', '--forward-policy'])
  test(`${option} holds for previews`, async () => {
    const server = await servePreviews(option, '{"deny":["127.0.0.0/8","::1"]}')
    const program = await startProgram((_, response) => response.end())
    const { port, headers } = await openPreview(server, program)
    const refused = await ask(port, { headers })
    assert.is(refused.statusCode, 403)
    assert.match(await textOf(refused), /--http-policy/)
  })

test('two Hosts, or none, reach neither a program nor the server', async () => {
  const server = await servePreviews()
  const { port, headers } = await openPreview(server, await startProgram((_, response) => response.end('program')))
  for (const host of [[headers.host, '127.0.0.1'], ['127.0.0.1', headers.host], []]) {
    const raw = host.flatMap((each) => ['Host', each])
    const answer = await ask(port, { headers: [...raw, 'Cookie', headers.cookie] as never, setHost: false })
    assert.is(answer.statusCode, 400)
  }
})

test.run()
