/** Network connections of the client library, and what the server allows. */
import { once } from 'node:events'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { connect } from '../../../src/client/index.ts'
import type { ConnectTarget, ExecClient, RemoteConnection } from '../../../src/client/index.ts'
import { eventually } from '../../support/server.ts'
import { scrape } from '../../support/prometheus.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { withServer } from '../../support/with-server.ts'
import { failure } from '../client/support/with-client.ts'
import { startProxy } from '../client/support/proxy.ts'
import { echo, exchange, startPeer } from './peers.ts'

const MiB = 1024 * 1024

const text = async ({ readable }: RemoteConnection): Promise<string> => new Response(readable).text()

/** Sends a text and the end, and resolves with the answer. */
async function ask(client: ExecClient, target: ConnectTarget, sent: string): Promise<string> {
  const connection = await client.connect(target)
  const writer = connection.writable.getWriter()
  await writer.write(new TextEncoder().encode(sent))
  await writer.close()
  const answer = await text(connection)
  assert.is(await connection.closed, undefined)
  return answer
}

const message = async (client: ExecClient, target: ConnectTarget): Promise<string> =>
  (await failure(client.connect(target))).message

test('a connection is a pair of streams, to a port, an address or a unix socket, and has an end each way', async () => {
  const path = join(temporaryFolder(), 'there.sock')
  await startPeer(echo, { path })
  const { port } = await startPeer(echo)
  const six = await startPeer(echo, { host: '::1' })
  await withServer([], async ({ url }) => {
    await using client = await connect(url)
    for (const target of [port, six.port, { port }, { host: '::1', port: six.port }, { path }])
      assert.is(await ask(client, target, JSON.stringify(target)), JSON.stringify(target))
    const metrics = await scrape(url)
    assert.is(metrics('exec_server_net_connections'), 0)
    assert.ok(metrics('exec_server_net_sent_bytes_total') > 0)
  })
})

test('a reader that takes nothing holds the peer back, and a peer that takes nothing the writer', async () => {
  let sent = 0
  const source = await startPeer((socket) => {
    const block = Buffer.alloc(MiB)
    const fill = (): void => {
      while (sent < 512 * MiB && socket.write(block)) sent += block.length
    }
    socket.on('drain', fill)
    fill()
  })
  const sink = await startPeer((socket) => void socket.pause())
  await withServer([], async ({ url, child }) => {
    await using client = await connect(url)
    const idle = await client.connect(source.port)
    const stuck = await client.connect(sink.port)
    const writer = stuck.writable.getWriter()
    let written = 0
    const block = new Uint8Array(MiB)
    const writing = (async () => {
      for (; written < 512 * MiB; written += block.length) await writer.write(block)
    })()
    writing.catch(() => {})
    // Meanwhile another connection moves as much as the two would, were they not held back.
    const { port } = await startPeer(echo)
    const busy = await client.connect(port)
    const busyWriter = busy.writable.getWriter()
    const pouring = (async () => {
      for (let count = 0; count < 48; count++) await busyWriter.write(block)
      await busyWriter.close()
    })()
    pouring.catch(() => {})
    let moved = 0
    for await (const bytes of busy.readable) moved += bytes.length
    assert.is(moved, 48 * MiB)
    assert.ok(sent < 32 * MiB, `${sent} bytes were sent to a reader that takes nothing`)
    assert.ok(written < 32 * MiB, `${written} bytes were written for a peer that takes nothing`)
    const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024
    assert.ok(resident < 400 * MiB, `the server has ${resident} bytes`)
    await idle.close()
    await stuck.close()
  })
})

test('canceling, aborting and closing give a connection up, both ways, and the peer sees a reset', async () => {
  const ends: boolean[] = []
  const { port, sockets } = await startPeer((socket) => void socket.resume().once('close', (had) => ends.push(had)))
  await withServer([], async ({ url }) => {
    await using client = await connect(url)
    const ways: ((connection: RemoteConnection) => Promise<unknown>)[] = [
      (connection) => connection.readable.cancel(),
      (connection) => connection.writable.abort(new Error('enough')),
      (connection) => connection.close(),
    ]
    for (const giveUp of ways) {
      const connection = await client.connect(port)
      await giveUp(connection)
      assert.instance(await connection.closed, Error)
    }
    await eventually(() => ends.length === 3 && sockets.size === 0)
    assert.equal(ends, [true, true, true])
  })
})

test('a connection that breaks off fails both streams with the reason', async () => {
  const { port } = await startPeer((socket) => void socket.once('data', () => socket.resetAndDestroy()))
  await withServer([], async ({ url }) => {
    await using client = await connect(url)
    const connection = await client.connect(port)
    await connection.writable.getWriter().write(new Uint8Array(1))
    assert.match((await failure(text(connection))).message, /Connection reset by peer/)
    assert.match((await connection.closed)?.message ?? '', /Connection reset by peer/)
  })
})

test('what cannot be reached is an error that says why, and connecting can be given up', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'file'), '')
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as { port: number }
  closed.close()
  await withServer(['--forward-policy', '{"deny":[]}'], async ({ url }) => {
    await using client = await connect(url)
    assert.is(await message(client, port), `localhost:${port}: Connection refused (os error 111)`)
    assert.is(
      await message(client, { path: join(folder, 'none') }),
      `${folder}/none: No such file or directory (os error 2)`,
    )
    assert.match(await message(client, { path: join(folder, 'file') }), /Connection refused/)
    assert.match(await message(client, { host: 'no.such.host.invalid', port: 80 }), /^no\.such\.host\.invalid:80: /)
    const signal = AbortSignal.timeout(100)
    const given = await failure(client.connect({ host: '192.0.2.1', port: 80 }, { signal }))
    assert.ok(given === signal.reason || given.message.startsWith('192.0.2.1:80: '), given.message)
  })
})

test('a listener takes connections in order, and untaken ones are closed with it', async () => {
  await withServer([], async ({ url }) => {
    await using client = await connect(url)
    const listener = await client.listen(0)
    const port = listener.local?.port as number
    const answers = ['one', 'two'].map((sent) => exchange({ host: '127.0.0.1', port }, sent))
    let count = 0
    for await (const connection of listener) {
      void connection.readable.pipeTo(connection.writable)
      if (++count === 2) break
    }
    assert.equal(await Promise.all(answers), ['one', 'two'])
    await listener.close()
    const refused = await failure(exchange({ host: '127.0.0.1', port }, 'three'))
    assert.match(refused.message, /ECONNREFUSED/)
  })
})

test('when the connection to the server is lost everything ends, there too, and new connections work after it', async () => {
  const { port, sockets } = await startPeer(echo)
  await withServer([], async ({ url }) => {
    const proxy = await startProxy(url)
    await using client = await connect(proxy.url)
    const connection = await client.connect(port)
    const listener = await client.listen(0)
    proxy.cut()
    assert.match((await connection.closed)?.message ?? '', /the connection to the exec-server was lost/)
    await failure(text(connection))
    await failure(listener[Symbol.asyncIterator]().next())
    await eventually(() => sockets.size === 0)
    assert.is(await ask(client, port, 'again'), 'again')
    const again = await client.listen(listener.local?.port ?? 0)
    assert.is(again.local?.port, listener.local?.port)
    await client.close()
    await proxy.close()
  })
})

test('the policy decides by what a name or a path leads to, and --no-forward refuses everything', async () => {
  const folder = temporaryFolder()
  const { port } = await startPeer(echo)
  await startPeer(echo, { path: join(folder, 'secret.sock') })
  await startPeer(echo, { path: join(folder, 'open.sock') })
  symlinkSync('secret.sock', join(folder, 'link.sock'))
  const rules = { allow: ['127.0.0.0/8', folder], deny: [join(folder, 'secret.sock')] }
  await withServer(['--forward-policy', JSON.stringify(rules), '--require-sandbox'], async ({ url }) => {
    await using client = await connect(url)
    assert.is(await ask(client, port, 'x'), 'x')
    assert.is(await ask(client, { path: join(folder, 'open.sock') }, 'x'), 'x')
    for (const target of [
      { path: join(folder, 'secret.sock') },
      { path: join(folder, 'link.sock') },
      { path: '/proc/self/exe' },
      { host: '::1', port },
      { host: '10.0.0.1', port },
      { host: '0x0a000001', port },
    ])
      assert.match(
        await message(client, target),
        /is not allowed by this server's --forward-policy$/,
        JSON.stringify(target),
      )
    for (const target of [{ host: '0.0.0.0', port: 0 }, { path: '/tmp/not-allowed.sock' }])
      assert.match((await failure(client.listen(target))).message, /is not allowed/)
  })
  await withServer(['--http-policy', '{"deny":["127.0.0.0/8"]}'], async ({ url }) => {
    await using client = await connect(url)
    assert.match(await message(client, { host: '127.0.0.1', port }), /is not allowed/)
  })
  for (const [args, why] of [
    [['--no-forward'], /--no-forward/],
    [['--require-sandbox'], /unless --forward-policy says which/],
  ] as const)
    await withServer(args, async ({ url }) => {
      await using client = await connect(url)
      assert.not(client.extensions.has('netConnect') || client.extensions.has('netListen'))
      for (const method of ['net/connect', 'net/listen']) {
        const params = { connectionId: 'c', listenerId: 'l', port, window: 1 }
        assert.match((await failure(client.call(method, params))).message, why)
      }
    })
})

test('the audit log has each target, and why one was refused', async () => {
  const file = join(temporaryFolder(), 'audit.log')
  const { port } = await startPeer(echo)
  await withServer(['--audit-log', file], async ({ url }) => {
    await using client = await connect(url)
    await ask(client, port, 'x')
    await message(client, { host: '10.0.0.1', port: 80 })
    await (await client.listen(0)).close()
  })
  const lines = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ event }) => event === 'connect' || event === 'listen')
  assert.equal(
    lines.map(({ event, target, reason }) => [event, target, reason]),
    [
      ['connect', `localhost:${port}`, undefined],
      ['connect', '10.0.0.1:80', "connecting to 10.0.0.1:80 is not allowed by this server's --forward-policy"],
      ['listen', 'localhost:0', undefined],
    ],
  )
})

test('a client in the program of the server has the same connections', async () => {
  const { port } = await startPeer(echo)
  await using client = await connect({ local: true })
  assert.is(await ask(client, port, process.version.repeat(100_000)), process.version.repeat(100_000))
})

test.run()
