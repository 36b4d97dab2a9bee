/** Previews of programs that behave badly, and of requests that no one should send: in this process. */
import { createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer as createNetServer } from 'node:net'
import * as assert from 'uvu/assert'
import { suite } from '../../support/suite.ts'
import { get, open, portOf, program, rawProgram, seen, send, serve } from './in-process.ts'

const test = suite('preview')

test('a program that closes, or speaks no HTTP, is a 502 that says so', async () => {
  const closing = await seen(await rawProgram((socket) => socket.destroy()))
  assert.is(closing.status, 502)
  assert.match(closing.text, /closed the connection without an answer/)
  const other = await seen(await rawProgram((socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n')))
  assert.is(other.status, 502)
  assert.match(other.text, /does not answer with HTTP/)
})

test('a port that nothing listens on is a 502, one that rules forbid a 403', async () => {
  const free = createNetServer()
  const port = await portOf(free)
  await new Promise((resolve) => free.close(resolve))
  const missing = await seen(port)
  assert.is(missing.status, 502)
  assert.match(missing.text, new RegExp(`nothing listens on port ${port}`))
  const forbidden = await seen(await program((_, response) => response.end()), { allows: () => false })
  assert.is(forbidden.status, 403)
  assert.match(forbidden.text, /--http-policy/)
})

test('a program on ::1 alone is found', async () => {
  const port = await portOf(
    createServer((_, response) => response.end('six')),
    '::1',
  )
  assert.is((await seen(port)).text, 'six')
})

test('a program that does not answer is a 504, one that stops in the middle is cut off', async () => {
  const silent = await seen(await rawProgram(() => {}), { limits: { previewResponseMs: 20 } })
  assert.is(silent.status, 504)
  const stopping = program((_, response) => void response.writeHead(200, { 'content-length': '10' }).write('half'))
  try {
    await seen(await stopping, { limits: { previewIdleMs: 50 } })
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), /aborted/)
  }
})

test('an answer whose head is too long is a 502', async () => {
  const long = await program((_, response) => response.writeHead(200, { 'x-long': 'x'.repeat(70_000) }).end())
  const { status, text } = await seen(long)
  assert.is(status, 502)
  assert.match(text, /headers of port \d+ are too long/)
})

test('the bytes of a header are not changed', async () => {
  const port = await program((_, response) => {
    response.writeHead(200, { 'x-latin': 'ä' })
    response.write(Buffer.alloc(0))
    setImmediate(() => response.end('later'))
  })
  const { headers, text } = await seen(port)
  assert.equal([headers['x-latin'], text], ['ä', 'later'])
})

test("the server's own port has no preview, by whatever name", async () => {
  const server = await serve()
  const { status, text } = await get(server, `/port/${server}/`)
  assert.is(status, 403)
  assert.match(text, /server's own/)
})

test('no host name of a preview leads to the server itself', async () => {
  const server = await serve()
  const port = await program((_, response) => response.end('program'))
  const { host, cookie } = await open(server, port)
  assert.is((await get(server, '/metrics', { host, cookie })).text, 'program')
  assert.is((await get(server, '/metrics', { host })).status, 401)
  const stale = host.replace(/-[0-9a-f]+/, `-${'0'.repeat(16)}`)
  assert.is((await get(server, '/metrics', { host: stale, cookie })).status, 404)
  assert.is((await get(server, '/metrics')).text, 'the server itself')
})

test('a cookie opens the preview of its port only', async () => {
  const server = await serve()
  const listener: RequestListener = (_, response) => response.end('program')
  const [one, other] = [await open(server, await program(listener)), await open(server, await program(listener))]
  assert.is((await get(server, '/', { host: one.host, cookie: other.cookie })).status, 401)
  assert.is((await get(server, '/', { host: one.host, cookie: `${other.cookie}; ${one.cookie}` })).text, 'program')
})

test('requests of other pages are refused, and a link may be followed', async () => {
  const server = await serve()
  const { host, cookie } = await open(server, await program((_, response) => response.end('program')))
  const status = async (headers: Record<string, string>, method?: string): Promise<number> =>
    (await get(server, '/', { host, cookie, ...headers }, method)).status
  const followed = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
  assert.is(await status({ origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }, 'POST'), 200)
  assert.is(await status({ origin: 'http://evil.example' }), 403)
  assert.is(await status({ origin: 'null' }), 403)
  assert.is(await status({ origin: `http://${host.replace('.localhost', '0.localhost')}` }), 403)
  assert.is(await status({ 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }), 403)
  assert.is(await status(followed), 200)
  assert.is(await status(followed, 'POST'), 403)
  assert.is(await status({ ...followed, 'sec-fetch-dest': 'iframe' }), 403)
})

test('no page enters a preview, as long as no token shows that its user wants it', async () => {
  const server = await serve()
  const enter = async (headers: Record<string, string>): Promise<number> =>
    (await get(server, '/port/5173/', headers)).status
  assert.is(await enter({ 'sec-fetch-site': 'none' }), 303)
  assert.is(await enter({ 'sec-fetch-site': 'cross-site' }), 403)
  assert.is(await enter({ origin: 'http://evil.example' }), 403)
  assert.is(await enter({ host: 'evil.example' }), 403)
  assert.is((await get(server, '/port/5173/', {}, 'POST')).status, 405)
})

test('the URL that opens a preview leads nowhere else', async () => {
  const server = await serve()
  const port = await program((_, response) => response.end())
  const { location = '' } = (await get(server, `/port/${port}//evil.example/`)).headers
  const { host, pathname } = new URL(location, 'http://x')
  const opened = await get(server, pathname, { host })
  assert.is(new URL(opened.headers.location ?? '', `http://${host}`).host, host)
  assert.is(opened.headers['cache-control'], 'no-store')
  assert.is(opened.headers['referrer-policy'], 'no-referrer')
})

test('no second request is smuggled to a program', async () => {
  const server = await serve()
  const requests: string[] = []
  const port = await program((request, response) => {
    let body = ''
    request.on('data', (bytes: Buffer) => (body += bytes.toString()))
    request.on('end', () => {
      requests.push(`${request.method} ${request.url} ${body}`)
      response.end('program')
    })
  })
  const { host, cookie } = await open(server, port)
  const head = (...lines: string[]): string =>
    ['POST /a HTTP/1.1', `Host: ${host}`, `Cookie: ${cookie}`, ...lines, '', ''].join('\r\n')
  const second = `GET /smuggled HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const refused = [
    head('Content-Length: 3', 'Transfer-Encoding: chunked'),
    head('Content-Length: 3', 'Content-Length: 4'),
    head('Transfer-Encoding: chunked, identity'),
    head('Transfer-Encoding : chunked'),
    head('Content-Length: +3'),
  ]
  for (const each of refused)
    assert.match(await send(server, `${each}0\r\n\r\n${second}`), /^HTTP\/1\.1 40[0-9] /, each)
  assert.equal(requests, [])
  const chunked = await send(server, `${head('Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n\r\n${second}`)
  assert.match(chunked, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 401 /)
  assert.equal(requests, ['POST /a abc'])
})

test('only WebSockets are upgraded, and only for those who may', async () => {
  const server = await serve()
  const port = await program((_, response) => response.end())
  const { host, cookie } = await open(server, port)
  const upgrade = (to: string, ...lines: string[]): Promise<string> =>
    send(
      server,
      ['GET / HTTP/1.1', `Host: ${host}`, 'Connection: Upgrade', `Upgrade: ${to}`, ...lines, '', ''].join('\r\n'),
    )
  assert.match(await upgrade('h2c', `Cookie: ${cookie}`), /^HTTP\/1\.1 400 /)
  assert.match(await upgrade('websocket'), /^HTTP\/1\.1 401 /)
  assert.match(await upgrade('websocket', `Cookie: ${cookie}`, 'Origin: http://evil.example'), /^HTTP\/1\.1 403 /)
  assert.match(await upgrade('websocket', `Cookie: ${cookie}`), /^HTTP\/1\.1 200 /, 'the program does not upgrade')
})

test('a page below a path is sandboxed, and no other origin uses its token', async () => {
  const server = await serve()
  const port = await program((_, response) => response.end('program'))
  const host = '10.0.0.5:4600'
  const { location = '' } = (await get(server, `/port/${port}/x`, { host })).headers
  assert.match(location, new RegExp(`^/c/[^/]+/port/${port}/x$`))
  const page = await get(server, location, { host, origin: 'null' })
  assert.is(page.text, 'program')
  assert.match(String(page.headers['content-security-policy']), /^sandbox /)
  assert.is(page.headers['access-control-allow-origin'], 'null')
  assert.is((await get(server, location, { host, origin: 'http://evil.example' })).status, 403)
  assert.is((await get(server, location, { host, 'service-worker': 'script' })).status, 403)
  assert.is((await get(server, location, { host: 'evil.example' })).status, 403)
  const asked = { host, origin: 'null', 'access-control-request-method': 'PUT' }
  assert.is((await get(server, location, asked, 'OPTIONS')).status, 204)
  const other = location.replace(`/port/${port}/`, '/port/1/')
  assert.not.match(
    String((await get(server, other, { host })).headers['location']),
    new RegExp(location.split('/')[2] as string),
  )
})

test('one page cannot take all of the places', async () => {
  const server = await serve({ limits: { previewExchangesOfPort: 2 } })
  const listener: RequestListener = (_, response) => response.flushHeaders()
  const port = await program(listener)
  const { host, cookie } = await open(server, port)
  const held = [0, 1].map(
    () =>
      new Promise<IncomingMessage>((resolve) => {
        httpRequest({ port: server, host: '127.0.0.1', headers: { host, cookie }, agent: false }, resolve).end()
      }),
  )
  const answers = await Promise.all(held)
  assert.is((await get(server, '/', { host, cookie })).status, 503)
  const other = await open(server, await program((_, response) => response.end('room')))
  assert.is((await get(server, '/', other)).text, 'room')
  for (const answer of answers) answer.destroy()
})

test.run()
