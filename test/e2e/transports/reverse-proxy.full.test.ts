/** A devbox that dials out through an HTTP proxy: `exec-server --connect wss://` with HTTPS_PROXY, ALL_PROXY and NO_PROXY. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { connect as connectClient } from '../../../src/client/index.ts'
import { linkDialer } from '../../../src/server/link/dial-link.ts'
import { parseLinkUrl } from '../../../src/server/link/link-url.ts'
import { trust } from '../../../src/host/http/http-certificates.ts'
import { linkLimits } from '../../support/link.ts'
import { logged, secretFile, start, startAccept } from '../../support/reverse.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isDeno } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { authority, certificate } from '../../support/web/certificate.ts'

const suiteOnNode = suite('reverse connections through a proxy', { limitMs: 150_000 })
// Deno's HTTP server takes real sockets only.
const test = isDeno ? suiteOnNode.skip : suiteOnNode

/** A name that only the proxy leads to. */
const HOST = 'somewhere.test'

type Proxy = { address: string; asked: { target: string; authorization: string | undefined }[]; open(): number }

/** A proxy whose tunnels all lead to `port`. `refuse` answers a CONNECT instead. */
async function startProxy(port: number, refuse?: (socket: Duplex) => void): Promise<Proxy> {
  const asked: Proxy['asked'] = []
  const sockets = new Set<Duplex>()
  const server = createServer()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  server.on('connect', ({ url = '', headers }, near) => {
    asked.push({ target: url, authorization: headers['proxy-authorization'] })
    if (refuse !== undefined) return refuse(near)
    const far = connect(port, '127.0.0.1', () => near.write('HTTP/1.1 200 Connection established\r\n\r\n'))
    near.pipe(far).pipe(near)
    for (const socket of [near, far])
      socket
        .on('error', () => {})
        .on('close', () => {
          near.destroy()
          far.destroy()
        })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked, open: () => sockets.size }
}

/** The environment without the proxies that this machine may have. */
function withProxies(variables: Record<string, string>): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !/^(https?|all|no)_proxy$/i.test(name))
  return { ...Object.fromEntries(others), ...variables }
}

async function startAcceptWithTls() {
  const folder = temporaryFolder('reverse-proxy-')
  const tokenFile = secretFile(folder, 'secret')
  const [cert, key] = [secretFile(folder, 'cert.pem', certificate.cert), secretFile(folder, 'key.pem', certificate.key)]
  const accept = await startAccept(tokenFile, '--listen', 'wss://127.0.0.1:0', '--tls-cert', cert, '--tls-key', key)
  const ca = secretFile(folder, 'authority.pem', authority)
  const args = ['--connect', `wss://${HOST}:4601/devbox`, '--token-file', tokenFile, '--tls-ca', ca]
  return { accept, args }
}

test('over wss it goes through the proxy that HTTPS_PROXY or ALL_PROXY names, and nothing is lost', async () => {
  const { accept, args } = await startAcceptWithTls()
  const proxy = await startProxy(accept.port)
  for (const [name, authorization] of [
    ['HTTPS_PROXY', `Basic ${btoa('heron:secret word')}`],
    ['all_proxy', undefined],
  ] as const) {
    proxy.asked.length = 0
    const user = authorization === undefined ? '' : 'heron:secret%20word@'
    const devbox = start(args, withProxies({ [name]: `http://${user}${proxy.address}` }))
    await eventually(() => devbox.lines.length === 1, 30_000, 'the first link')
    assert.ok(proxy.asked.length > 0)
    for (const each of proxy.asked) assert.equal(each, { target: `${HOST}:4601`, authorization })
    const client = await connectClient(accept.url)
    const { stdout } = await client.run({ argv: ['/bin/sh', '-c', 'head -c 20000000 /dev/zero'] })
    assert.is(stdout.length, 20_000_000)
    await client.close()
    assert.is(await devbox.stop(), 0)
    await eventually(() => proxy.open() === 0)
    assert.not(devbox.log.join('').includes('secret word'))
  }
  assert.is(await accept.stop(), 0)
})

test('a host in NO_PROXY is dialled directly', async () => {
  const { accept, args } = await startAcceptWithTls()
  const proxy = await startProxy(accept.port)
  const devbox = start(args, withProxies({ HTTPS_PROXY: `http://${proxy.address}`, NO_PROXY: '.test' }))
  await eventually(() => logged(devbox, 'linkFailed'))
  assert.equal(proxy.asked, [])
  assert.not(logged(devbox, 'linkFailed', 'proxy'))
  for (const program of [devbox, accept]) assert.is(await program.stop(), 0)
})

test('the log says which proxy refuses, and with what status, and not its password', async () => {
  const { accept, args } = await startAcceptWithTls()
  const proxy = await startProxy(accept.port, (socket) => {
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n')
  })
  const devbox = start(args, withProxies({ HTTPS_PROXY: `http://heron:hunter2@${proxy.address}` }))
  const reason = `through the proxy ${proxy.address}: the proxy answered 407`
  await eventually(() => logged(devbox, 'linkFailed', reason))
  assert.not(devbox.log.join('').includes('hunter2'))
  for (const program of [devbox, accept]) assert.is(await program.stop(), 0)
})

test('a proxy of another kind is a usage error', async () => {
  const { accept, args } = await startAcceptWithTls()
  const devbox = start(args, withProxies({ ALL_PROXY: 'socks5://127.0.0.1:1080' }))
  const [code] = await once(devbox.child, 'exit')
  assert.is(code, 2)
  assert.match(devbox.log.join('\n'), /only http:\/\/ and https:\/\/ proxies/)
  assert.is(await accept.stop(), 0)
})

test('a CONNECT that the proxy leaves unanswered is given up, and its socket closed', async () => {
  const proxy = await startProxy(0, (socket) => void socket.resume().on('end', () => socket.end()))
  const dial = linkDialer({
    url: parseLinkUrl(`wss://${HOST}:4601/`, false),
    proxy: new URL(`http://${proxy.address}`),
    secret: 'secret '.repeat(8),
    identity: { instance: 'instance', host: 'host' },
    limits: linkLimits({ linkHandshakeMs: 200 }),
    trust,
  })
  const outcome = await dial(new AbortController().signal).then(
    () => 'a link',
    (error: Error) => error.message,
  )
  assert.is(outcome, `through the proxy ${proxy.address}: it takes too long to answer`)
  assert.is(proxy.asked.length, 1)
  await eventually(() => proxy.open() === 0)
})

suiteOnNode.run()
