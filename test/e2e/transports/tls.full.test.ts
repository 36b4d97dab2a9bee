/** A server that speaks TLS, and the command line as its client. */
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { get as httpsGet, request as httpsRequest } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { connect as connectTls } from 'node:tls'
import * as assert from 'uvu/assert'
import { connect } from '../../../src/client/connect.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { authority, certificate } from '../../support/web/certificate.ts'
import { call } from '../cli/call.ts'

const TOKEN = 'the-right-token-of-32-characters'

/** Writes certificate, key, authority and token; returns the folder. */
function filesFolder(): string {
  const folder = temporaryFolder()
  const files = { 'cert.pem': certificate.cert, 'key.pem': certificate.key, 'ca.pem': authority, token: TOKEN }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 })
  return folder
}

async function startTls(folder: string, ...more: string[]): Promise<RunningServer & { port: number }> {
  const files = ['--tls-cert', join(folder, 'cert.pem'), '--tls-key', join(folder, 'key.pem')]
  const server = await startServer([...files, ...more])
  atEnd(() => server.stop())
  assert.match(server.url, /^wss:\/\/127\.0\.0\.1:\d+(\/c\/[\w-]+)?$/)
  return Object.assign(server, { port: Number(new URL(server.url).port) })
}

/** The host that is sent may be another than the one that the certificate is for. */
const OPTIONS = { host: '127.0.0.1', servername: 'localhost', ca: authority, agent: false }

type Answer = { status: number | undefined; body: string }

const get = (port: number, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = httpsGet({ port, path, headers, ...OPTIONS }, (response) => {
      let body = ''
      response.on('data', (bytes: Buffer) => (body += String(bytes)))
      response.on('end', () => resolve({ status: response.statusCode, body }))
    })
    request.on('error', reject)
  })

test('health checks, metrics, host check, origin check and capability URL work over TLS', async () => {
  const { port, url } = await startTls(filesFolder(), '--capability-url')
  const { pathname } = new URL(url)
  assert.is((await get(port, '/readyz')).status, 200)
  assert.is((await get(port, '/metrics')).status, 401)
  assert.match((await get(port, `${pathname}/metrics`)).body, /exec_server_connections 0/)
  assert.is((await get(port, '/readyz', { host: 'evil.example' })).status, 403)
  assert.is((await get(port, '/readyz', { origin: 'https://evil.example' })).status, 403)
  const client = await connect(url, { ca: authority })
  const { stdout, exitCode } = await client.run({ argv: ['/bin/sh', '-c', 'head -c 3000000 /dev/zero'] })
  assert.is(exitCode, 0)
  assert.is(stdout.length, 3_000_000)
  await client.close()
  const { hostname } = new URL(url)
  assert.match(
    String(await connect(`wss://${hostname}:${port}/c/wrong`, { ca: authority }).catch(String)),
    /refused the connection with HTTP status 40[14]/,
  )
})

test('tokens are sent over TLS to any address, and users of this machine are distinguished', async () => {
  const folder = filesFolder()
  const auth = ['--ws-auth', 'capability-token', '--ws-token-file', join(folder, 'token')]
  const guarded = await startTls(folder, ...auth)
  const options = ['--tls-ca', join(folder, 'ca.pem'), '--bearer-token-file', join(folder, 'token')]
  const { code, stdout } = await call(['run', '--url', guarded.url, ...options, '--', 'echo', 'through TLS'])
  assert.equal([code, stdout], [0, 'through TLS\n'])
  const own = await startTls(folder)
  const sandboxed = await connect(own.url, { ca: authority })
  assert.is((await sandboxed.run({ argv: ['true'] })).exitCode, 0)
  await sandboxed.close()
})

test('the command line says what is wrong with a certificate, and which side lacks TLS', async () => {
  const folder = filesFolder()
  const { port, url } = await startTls(folder)
  const plain = await startServer([])
  atEnd(() => plain.stop())
  const ca = ['--tls-ca', join(folder, 'ca.pem')]
  const run = async (target: string, ...more: string[]): Promise<string> => {
    const { code, stderr } = await call(['run', '--url', target, ...more, '--', 'true'])
    assert.is(code, 255, stderr)
    return stderr
  }
  assert.match(await run(url), /is not of an authority that is trusted here\n {2}--tls-ca FILE names/)
  assert.match(await run(url.replace('127.0.0.1', '127.0.0.2'), ...ca), /cannot connect|is for other names: localhost/)
  assert.match(await run(`ws://127.0.0.1:${port}`), /speaks TLS: use wss:\/\//)
  assert.match(await run(plain.url.replace('ws:', 'wss:')), /does not speak TLS: use ws:\/\//)
  assert.match(await run(url, '--tls-ca', join(folder, 'token')), /it holds no certificate in PEM/)
  assert.match(await run(url, '--tls-ca', join(folder, 'none')), /No such file or directory/)
  const misused = await call(['run', '--url', plain.url, ...ca, '--', 'true'])
  assert.match(misused.stderr, /--tls-ca is for a server at wss:/)
})

test('an environment, and the commands about one, trust what --tls-ca or SSL_CERT_FILE names', async () => {
  const folder = filesFolder()
  const { url } = await startTls(folder)
  mkdirSync(join(folder, 'codex'))
  writeFileSync(join(folder, 'codex', 'environments.toml'), `[[environments]]\nid = "box"\nurl = "${url}"\n`)
  const env = { ...process.env, CODEX_HOME: join(folder, 'codex') }
  const ca = join(folder, 'ca.pem')
  assert.is((await call(['run', '--env', 'box', '--', 'true'], { env })).code, 255)
  assert.is((await call(['run', '--env', 'box', '--tls-ca', ca, '--', 'true'], { env })).code, 0)
  assert.is((await call(['run', '--env', 'box', '--', 'true'], { env: { ...env, SSL_CERT_FILE: ca } })).code, 0)
  assert.is((await call(['ps', '--url', url, '--tls-ca', ca], { env })).code, 0)
  assert.is((await call(['doctor', '--url', url, '--tls-ca', ca], { env })).code, 0)
})

test('sockets in the handshake are limited in time and number, and a full server says so over TLS', async () => {
  const folder = filesFolder()
  const { port, url } = await startTls(folder, '--handshake-seconds', '1', '--max-connections', '1')
  const silent = connectTcp(port, '127.0.0.1')
  silent.on('error', () => {})
  await once(silent, 'close')
  const idle = connectTls({ port, host: '127.0.0.1', ca: authority })
  idle.on('error', () => {}).resume()
  await once(idle, 'close')
  const client = await connect(url, { ca: authority })
  const refused = await get(port, '/')
  assert.equal([refused.status, refused.body], [503, 'too many connections: 1\n'])
  await client.close()
})

test('a client that stops reading over TLS holds its process back, and gets everything afterwards', async () => {
  const { url } = await startTls(filesFolder())
  const client = await connect(url, { ca: authority })
  const run = await client.start({ argv: ['/bin/sh', '-c', 'head -c 8000000 /dev/zero | tr "\\0" x; echo end'] })
  const output = await run.output({ maxBytes: 9_000_000 })
  assert.is(output.stdout.length, 8_000_004)
  await client.close()
})

test('a long request of MCP over TLS outlives the time for handshakes', async () => {
  const { port } = await startTls(filesFolder(), '--mcp', '--handshake-seconds', '1')
  const accept = 'application/json, text/event-stream'
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  const send = (method: string, headers: Readonly<Record<string, string>>, body = ''): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const all = { accept, 'content-type': 'application/json', ...headers }
      const request = httpsRequest({ port, path: '/mcp', method, headers: all, ...OPTIONS }, resolve)
      request.on('error', reject).end(body)
    })
  const first = await send('POST', {}, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }))
  assert.is(first.statusCode, 200)
  first.resume()
  const session = { 'mcp-session-id': String(first.headers['mcp-session-id']) }
  const stream = await send('GET', session)
  assert.is(stream.statusCode, 200)
  let isClosed = false
  stream.on('error', () => {}).on('close', () => (isClosed = true))
  stream.resume()
  // A silent socket that comes later has its time limit, too: when that is over, so is the one of the stream.
  const silent = connectTcp(port, '127.0.0.1')
  silent.on('error', () => {})
  await once(silent, 'close')
  assert.not(isClosed)
  stream.destroy()
})

test('a certificate of its own keeps its fingerprint at a restart, and clients trust its file', async () => {
  const state = temporaryFolder()
  const env = { ...process.env, XDG_STATE_HOME: state }
  const shown: string[] = []
  for (let count = 0; count < 2; count++) {
    const server = await startServer(['--tls-self-signed'], env)
    await eventually(() => server.stderr().includes('SHA-256'))
    const [, path = '', fingerprint = ''] =
      /TLS certificate (\S+), SHA-256 ([0-9A-F:]{95})\n/.exec(server.stderr()) ?? []
    shown.push(fingerprint)
    const { code, stderr } = await call(['run', '--url', server.url, '--tls-ca', path, '--', 'true'])
    assert.is(code, 0, stderr)
    assert.is(await server.stop(), 0)
  }
  assert.is(shown[0], shown[1])
})

test('a pair that cannot be used keeps the server from starting', async () => {
  const folder = filesFolder()
  writeFileSync(join(folder, 'key.pem'), 'no key', { mode: 0o600 })
  const files = ['--tls-cert', join(folder, 'cert.pem'), '--tls-key', join(folder, 'key.pem')]
  const { code, stdout, stderr } = await call(files)
  assert.equal([code, stdout], [1, ''])
  assert.match(stderr, /cannot use TLS: .*key\.pem holds no private key in PEM/)
})

test.run()
