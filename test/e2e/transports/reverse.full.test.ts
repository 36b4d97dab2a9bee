/** A devbox that dials out: `exec-server --connect` and `exec-server accept`, as processes, with a way between that can be cut. */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { createServer as createTlsServer } from 'node:tls'
import * as assert from 'uvu/assert'
import { connect as connectClient } from '../../../src/client/index.ts'
import { Client } from '../../support/client.ts'
import { logged, secretFile, start, startAccept } from '../../support/reverse.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isDeno } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { authority, certificate } from '../../support/web/certificate.ts'

const suiteOnNode = suite('reverse connections', { limitMs: 150_000 })
// Deno's HTTP server takes real sockets only.
const test = isDeno ? suiteOnNode.skip : suiteOnNode
const MiB = 1024 * 1024

/** A way to a port that can be cut, and made again. */
async function openRelay(port: number): Promise<{ url: string; cut(): void; connections(): number }> {
  const sockets = new Set<Socket>()
  const relay = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    near.pipe(far).pipe(near)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(socket)
          near.destroy()
          far.destroy()
        })
    }
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  const cut = (): void => sockets.forEach((socket) => socket.resetAndDestroy())
  atEnd(() => {
    cut()
    relay.close()
  })
  return { url: `ws://127.0.0.1:${(relay.address() as AddressInfo).port}`, cut, connections: () => sockets.size / 2 }
}

/** Accept, a devbox that has dialled it through a relay, and what its clients use. */
async function startPair() {
  const folder = temporaryFolder('reverse-')
  const tokenFile = secretFile(folder, 'secret')
  const accept = await startAccept(tokenFile)
  const relay = await openRelay(accept.port)
  const devbox = start(['--connect', relay.url, '--token-file', tokenFile])
  await eventually(() => devbox.lines.length === 1, 30_000, 'the first link')
  assert.is(devbox.lines[0], relay.url)
  return { accept, devbox, relay, folder, tokenFile, url: accept.url }
}

test('clients use the devbox at the URL of accept, several at once, and both programs end with 0 at SIGTERM', async () => {
  const { accept, devbox, url } = await startPair()
  const size = 8 * MiB
  const clients = await Promise.all([1, 2, 3, 4, 5, 6].map(() => connectClient(url)))
  const results = await Promise.all(
    clients.map((client, at) => client.run({ argv: ['/bin/sh', '-c', `head -c ${size} /dev/zero | tr '\\0' ${at}`] })),
  )
  for (const [at, { stdout }] of results.entries()) {
    assert.is(stdout.length, size)
    assert.ok(stdout.every((byte) => byte === 48 + at))
  }
  const input = Buffer.alloc(5 * MiB, 'input')
  await clients[0]?.fs.writeFile(join(temporaryFolder(), 'file'), input)
  await Promise.all(clients.map((client) => client.close()))
  assert.is(await devbox.stop(), 0)
  assert.is(await accept.stop(), 0)
  assert.equal(
    [...accept.log, ...devbox.log].filter((line) => /"level":"(?:warn|error)"/.test(line) && !/devboxLost/.test(line)),
    [],
  )
})

test('a link that is cut is dialled again, and the client resumes its session without a loss', async () => {
  const { relay, url, devbox } = await startPair()
  const client = await connectClient(url)
  atEnd(() => client.close())
  const count = 60
  const script = `i=0; while [ $i -lt ${count} ]; do echo line $i; i=$((i+1)); read x; done`
  const run = await client.start({ argv: ['/bin/sh', '-c', script], stdin: 'pipe' })
  let seen = ''
  let cuts = 0
  for await (const event of run) {
    if (event.type !== 'output') continue
    seen += new TextDecoder().decode(event.bytes)
    const lines = seen.split('\n').length - 1
    if (lines % 20 === 0 && lines < count) {
      relay.cut()
      cuts++
    }
    await run.write('\n').catch(() => {})
  }
  assert.is(seen, Array.from({ length: count }, (_, at) => `line ${at}\n`).join(''))
  assert.is(cuts, 2)
  assert.ok(logged(devbox, 'sessionResumed'))
})

test('another secret at either end serves no client, and both say why', async () => {
  const folder = temporaryFolder('reverse-')
  const [right, wrong] = [secretFile(folder, 'right'), secretFile(folder, 'wrong')]
  const accept = await startAccept(right)
  const devbox = start(['--connect', `ws://127.0.0.1:${accept.port}`, '--token-file', wrong])
  await eventually(() => logged(devbox, 'linkFailed', 'the devbox has another secret'))
  await eventually(() => logged(accept, 'linkRefused', 'the devbox has another secret'))
  const refused = await Client.open(accept.url).then(
    () => '',
    (error: Error) => error.message,
  )
  assert.match(refused, '503')
  assert.equal(devbox.lines, [])
  // An impostor that listens in its place learns nothing that lets it in, and the server serves it nothing.
  assert.not(logged(accept, 'devboxConnected'))
  assert.is(await devbox.stop(), 0)
})

test('over wss the certificate is checked, and the link stands only behind one that is trusted', async () => {
  const folder = temporaryFolder('reverse-')
  const tokenFile = secretFile(folder, 'secret')
  const accept = await startAccept(tokenFile)
  const proxy = createTlsServer(certificate, (near) => {
    const far = connect(accept.port, '127.0.0.1')
    near.pipe(far).pipe(near)
    for (const socket of [near, far])
      socket
        .on('error', () => {})
        .on('close', () => {
          near.destroy()
          far.destroy()
        })
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  atEnd(() => proxy.close())
  const args = [
    '--connect',
    `wss://localhost:${(proxy.address() as AddressInfo).port}/devbox`,
    '--token-file',
    tokenFile,
  ]
  const distrustful = start(args)
  await eventually(() => logged(distrustful, 'linkFailed', 'certificate'))
  const authorityFile = secretFile(folder, 'authority.pem', authority)
  const trusting = start(args, { ...process.env, NODE_EXTRA_CA_CERTS: authorityFile })
  await eventually(() => trusting.lines.length === 1)
  assert.equal(distrustful.lines, [])
  const client = await connectClient(accept.url)
  const { stdout } = await client.run({ argv: ['/bin/sh', '-c', 'head -c 20000000 /dev/zero'] })
  assert.is(stdout.length, 20_000_000)
  await client.close()
  assert.is(await trusting.stop(), 0)
  assert.is(await distrustful.stop(), 0)
})

test('accept speaks TLS by itself, to a devbox that trusts only what --tls-ca names', async () => {
  const folder = temporaryFolder('reverse-')
  const tokenFile = secretFile(folder, 'secret')
  const [cert, key] = [secretFile(folder, 'cert.pem', certificate.cert), secretFile(folder, 'key.pem', certificate.key)]
  const accept = await startAccept(tokenFile, '--listen', 'wss://127.0.0.1:0', '--tls-cert', cert, '--tls-key', key)
  assert.match(accept.lines[1] ?? '', /^wss:\/\/127\.0\.0\.1:\d+$/)
  const args = ['--connect', `wss://localhost:${accept.port}/devbox`, '--token-file', tokenFile]
  const distrustful = start(args)
  await eventually(() => logged(distrustful, 'linkFailed', 'certificate'))
  const plain = start(['--connect', `ws://127.0.0.1:${accept.port}`, '--token-file', tokenFile])
  await eventually(() => logged(plain, 'linkFailed'))
  const trusting = start([...args, '--tls-ca', secretFile(folder, 'authority.pem', authority)])
  await eventually(() => trusting.lines.length === 1)
  assert.equal([distrustful.lines, plain.lines], [[], []])
  const client = await connectClient(accept.url)
  const { stdout } = await client.run({ argv: ['/bin/sh', '-c', 'head -c 5000000 /dev/zero'] })
  assert.is(stdout.length, 5_000_000)
  await client.close()
  for (const program of [trusting, distrustful, plain, accept]) assert.is(await program.stop(), 0)
})

test('accept lets in at its own port only who has its URL, and no web page', async () => {
  const { url, accept } = await startPair()
  const failure = (at: string, options = {}): Promise<string> =>
    Client.open(at, options).then(
      () => '',
      (error: Error) => error.message,
    )
  const { origin } = new URL(url.replace('ws:', 'http:'))
  assert.match(await failure(`${origin.replace('http:', 'ws:')}/`), '401')
  assert.match(await failure(`${url}x`), '401')
  assert.match(await failure(url, { origin: 'http://localhost' }), '403')
  assert.match(await failure(url, { headers: { host: 'rebound.example' } }), '403')
  assert.match(await failure(`ws://127.0.0.1:${accept.port}/`), '426')
  assert.is((await fetch(`${origin}/readyz`)).status, 200)
  assert.match(
    await (await fetch(`${url.replace('ws:', 'http:')}/metrics`)).text(),
    /accept_links\{state="waiting"\} \d/,
  )
})

test('a client gets an error while no devbox is there, and is served when one comes back', async () => {
  const { accept, devbox, relay, tokenFile, url } = await startPair()
  await (await Client.connect(url)).drop()
  assert.is(await devbox.stop(), 0)
  await eventually(() => logged(accept, 'devboxLost'))
  const { origin } = new URL(url.replace('ws:', 'http:'))
  assert.is((await fetch(`${origin}/readyz`)).status, 503)
  const waiting = Client.connect(url)
  const next = start(['--connect', relay.url, '--token-file', tokenFile])
  await waiting.catch(() => {})
  await eventually(() => next.lines.length === 1)
  await (await Client.connect(url)).drop()
})

test('a devbox outlives an accept that is stopped and started again', async () => {
  const { accept, devbox, tokenFile } = await startPair()
  assert.is(await accept.stop(), 0)
  await eventually(() => logged(devbox, 'linkDown'))
  const again = await startAccept(tokenFile, '--listen', `ws://127.0.0.1:${accept.port}`)
  await eventually(() => logged(again, 'devboxConnected'), 60_000)
  const client = await connectClient(again.url)
  assert.is((await client.run({ argv: ['/bin/true'] })).exitCode, 0)
  await client.close()
})

test('an accept that is frozen is given up, and used again when it goes on', async () => {
  const { accept, devbox } = await startPair()
  process.kill(accept.child.pid as number, 'SIGSTOP')
  // Three intervals of ten seconds in which nothing is heard.
  await eventually(() => logged(devbox, 'linkDown', 'fallen silent'), 55_000)
  process.kill(accept.child.pid as number, 'SIGCONT')
  await eventually(() => devbox.log.filter((line) => line.includes('"event":"linkUp"')).length === 2, 55_000)
})

suiteOnNode.run()
