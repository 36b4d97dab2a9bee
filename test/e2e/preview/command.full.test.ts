/** `exec-server preview`, and who may enter a preview. */
import { writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { atEnd } from '../../support/scope.ts'
import { startServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { authority, certificate } from '../../support/web/certificate.ts'
import { call } from '../cli/call.ts'
import { ask, partsOf, servePreviews, startProgram, textOf } from './browser.ts'

const TOKEN = 'the-right-token-of-32-characters'
const OWN = (port: number, server: number, path = '/'): RegExp =>
  new RegExp(`^http://${port}-[0-9a-f]{16}\\.localhost:${server}/~exec-server/[\\w-]{43}${path}\\n$`)

test('it prints a URL without the control token, for a port or a page', async () => {
  const server = await servePreviews('--capability-url')
  const { port } = partsOf(server)
  const plain = await call(['preview', '--url', server.url, '5173'])
  assert.match(plain.stdout, OWN(5173, port))
  const page = await call(['preview', '--url', server.url, '5173/a?b=c'])
  assert.match(page.stdout, OWN(5173, port, '/a\\?b=c'))
  assert.not.match(plain.stdout, new RegExp(server.url.split('/c/')[1] as string))
})

test('a server with bearer tokens gives the URL to those who have one', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'token')
  writeFileSync(file, TOKEN, { mode: 0o600 })
  const server = await servePreviews('--ws-auth', 'capability-token', '--ws-token-file', file)
  const { port } = partsOf(server)
  assert.match((await call(['preview', '--url', server.url, '--bearer-token-file', file, '80'])).stdout, OWN(80, port))
  const { code, stderr } = await call(['preview', '--url', server.url, '80'])
  assert.is(code, 255)
  assert.match(stderr, /401: missing websocket bearer token\n {2}use the whole URL .*--bearer-token-file/)
})

test('what has no previews is an error that says what to do', async () => {
  const without = await startServer()
  atEnd(async () => void (await without.stop()))
  const refused = async (url: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await call(['preview', '--url', url, ...args])
    assert.equal([stdout, code === 255 || code === 2], ['', true], stderr)
    return stderr
  }
  assert.match(await refused(without.url, '80'), /has no previews\n {2}start the server with --preview/)
  assert.match(await refused('unix:/tmp/none.sock', '80'), /listens at ws:/)
  assert.match(await refused('ws://127.0.0.1:1', '80'), /nothing listens there/)
  assert.match(await refused(without.url, '70000'), /takes a PORT/)
  assert.match(await refused(without.url, 'x'), /takes a PORT/)
  assert.match(await refused(without.url), /takes one PORT/)
  const server = await servePreviews()
  assert.match(await refused(server.url, String(partsOf(server).port)), /403: port \d+ is the server's own/)
})

test('--preview needs a listener that a browser can connect to', async () => {
  const { code, stderr } = await call(['--listen', 'unix:/tmp/none.sock', '--preview'])
  assert.is(code, 2)
  assert.match(stderr, /--preview requires a WebSocket listener/)
  assert.match((await call(['--listen', 'stdio', '--preview'])).stderr, /--preview requires/)
  assert.match((await call(['--preview', '--require-sandbox'])).stderr, /requires --forward-policy/)
  const { stderr: dialling } = await call(['--connect', 'wss://x.example', '--token-file', 'x', '--preview'])
  assert.match(dialling, /--preview/)
})

test('without a token in it, no URL of the server enters a preview', async () => {
  const server = await servePreviews('--capability-url')
  const { port, path } = partsOf(server)
  const program = await startProgram((_, response) => response.end())
  for (const each of ['', `/c/${'x'.repeat(43)}`]) {
    const answer = await ask(port, { path: `${each}/port/${program}/` })
    assert.is(answer.statusCode, 401)
    assert.match(await textOf(answer), /connect to the URL that the server printed/)
  }
  const entered = await ask(port, { path: `${path}/port/${program}/`, headers: { host: `evil.example:${port}` } })
  assert.is(entered.statusCode, 403)
})

test('names below an allowed one have previews, others are below a path', async () => {
  const server = await servePreviews('--allow-host', '*.devbox.example', '--allow-host', 'devbox.example')
  const { port } = partsOf(server)
  const program = await startProgram((_, response) => response.end('program'))
  const enter = async (host: string): Promise<string> =>
    (await ask(port, { path: `/port/${program}/`, headers: { host } })).headers.location ?? ''
  assert.match(await enter('devbox.example'), new RegExp(`^//${program}-[0-9a-f]{16}\\.devbox\\.example/~exec-server/`))
  const location = await enter('10.1.2.3')
  assert.match(location, new RegExp(`^/c/[\\w-]{43}/port/${program}/$`))
  const page = await ask(port, { path: location, headers: { host: '10.1.2.3', origin: 'null' } })
  assert.is(await textOf(page), 'program')
  assert.match(String(page.headers['content-security-policy']), /^sandbox /)
})

test('over TLS the cookie is for TLS only', async () => {
  const folder = temporaryFolder()
  const files = { 'cert.pem': certificate.cert, 'key.pem': certificate.key, 'ca.pem': authority }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 })
  const file = (name: string): string => join(folder, name)
  const server = await servePreviews('--tls-cert', file('cert.pem'), '--tls-key', file('key.pem'))
  const program = await startProgram((_, response) => response.end('program'))
  const url = server.url.replace('127.0.0.1', 'localhost')
  const { stdout, stderr } = await call(['preview', '--url', url, '--tls-ca', file('ca.pem'), String(program)])
  assert.match(stdout, /^https:/, stderr)
  const { host, pathname } = new URL(stdout)
  const get = (path: string, headers: Record<string, string>): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const options = { port: partsOf(server).port, host: '127.0.0.1', servername: 'localhost', ca: authority }
      httpsRequest({ ...options, path, headers: { host, ...headers }, agent: false }, resolve)
        .on('error', reject)
        .end()
    })
  const [cookie = ''] = (await get(pathname, {})).headers['set-cookie'] ?? []
  assert.match(cookie, /; HttpOnly; SameSite=Lax; Secure$/)
  const page = await get('/', { cookie: cookie.split(';')[0] as string, origin: `https://${host}` })
  assert.is(await textOf(page), 'program')
})

test.run()
