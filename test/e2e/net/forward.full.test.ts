/** `exec-server forward`, against the real server. */
import { existsSync, statSync } from 'node:fs'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { withServer } from '../../support/with-server.ts'
import { call } from '../cli/call.ts'
import { closing, echo, exchange, open, pour, startForward, startPeer } from './peers.ts'

const MiB = 1024 * 1024

/** Two processes of ours are between the ends: each direction is there twice. */
const TOTAL = 64 * MiB

test('64 MiB go both ways at once and arrive as they were, over IPv4, IPv6 and unix sockets', async () => {
  const path = join(temporaryFolder(), 'here.sock')
  const there = join(temporaryFolder(), 'there.sock')
  await startPeer(echo, { path: there })
  const { port } = await startPeer(echo, { host: '::1' })
  await withServer([], async ({ url }) => {
    const forward = await startForward(url, [`0:${port}`, `${path}:[::1]:${port}`, `0:${there}`])
    assert.is(statSync(path).mode & 0o777, 0o600)
    const ways = [
      { host: '127.0.0.1', port: forward.port(0) },
      { host: '::1', port: forward.port(0) },
      { path },
      { host: 'localhost', port: forward.port(2) },
    ]
    const first = await pour(await open(ways[0] as { port: number }), TOTAL)
    assert.equal([first.bytes, first.received], [TOTAL, first.sent])
    for (const way of ways.slice(1)) {
      const { sent, received } = await pour(await open(way), MiB)
      assert.is(received, sent)
    }
    forward.child.kill('SIGTERM')
    assert.is((await forward.ended).code, 143)
    assert.is(forward.stderr(), '')
    assert.not(existsSync(path), 'the socket is removed')
  })
})

test('500 connections at once are each served by themselves', async () => {
  const { port, sockets } = await startPeer(echo)
  await withServer([], async ({ url }) => {
    const forward = await startForward(url, [`0:${port}`])
    const open500 = await Promise.all(
      Array.from({ length: 500 }, () => open({ host: '127.0.0.1', port: forward.port() })),
    )
    await eventually(() => sockets.size === 500)
    const answers = await Promise.all(
      open500.map(async (socket, index) => {
        socket.end(`connection ${index}`)
        let text = ''
        for await (const bytes of socket) text += String(bytes)
        return text === `connection ${index}`
      }),
    )
    assert.is(answers.filter(Boolean).length, 500)
    await eventually(() => sockets.size === 0)
    forward.stop()
    await forward.ended
  })
})

test('each side ends by itself: a peer that answers only after the end is heard', async () => {
  const { port } = await startPeer((socket) => {
    const pieces: Buffer[] = []
    socket.on('data', (piece: Buffer) => pieces.push(piece))
    socket.on('end', () => socket.end(`got ${Buffer.concat(pieces).length}`))
  })
  const talker = await startPeer((socket) => {
    socket.end('bye')
    socket.on('data', (piece: Buffer) => assert.is(String(piece), 'after your end'))
  })
  await withServer([], async ({ url }) => {
    const forward = await startForward(url, [`0:${port}`, `0:${talker.port}`])
    assert.is(await exchange({ host: '127.0.0.1', port: forward.port(0) }, 'x'.repeat(100_000)), 'got 100000')
    const socket = await open({ host: '127.0.0.1', port: forward.port(1) })
    const [bye] = (await once(socket, 'data')) as [Buffer]
    assert.is(String(bye), 'bye')
    await once(socket, 'end')
    const [there] = talker.sockets
    socket.end('after your end')
    await eventually(() => there?.destroyed === true)
    assert.is(there?.bytesRead, 'after your end'.length)
    forward.stop()
    await forward.ended
  })
})

test('what breaks off on one side is reset on the other', async () => {
  const { port, sockets } = await startPeer((socket) => void socket.resume())
  await withServer([], async ({ url }) => {
    const forward = await startForward(url, [`0:${port}`])
    const socket = await open({ host: '127.0.0.1', port: forward.port() })
    await eventually(() => sockets.size === 1)
    const reset = closing(socket)
    for (const there of sockets) there.resetAndDestroy()
    assert.ok(await reset, 'here')
    const other = await open({ host: '127.0.0.1', port: forward.port() })
    await eventually(() => sockets.size === 1)
    const [there] = sockets
    const resetThere = closing(there as Socket)
    other.resetAndDestroy()
    assert.ok(await resetThere, 'there')
    forward.stop()
    await forward.ended
  })
})

test('with -R the devbox listens, and gives its port and its socket back when the command ends', async () => {
  const { port } = await startPeer(echo)
  const path = join(temporaryFolder(), 'there.sock')
  await withServer([], async ({ url }) => {
    const forward = await startForward(url, ['-R', `0:${port}`, '-R', `${path}:${port}`], 2)
    const { sent, received } = await pour(await open({ host: '127.0.0.1', port: forward.port(0) }), 8 * MiB)
    assert.is(received, sent)
    assert.is(await exchange({ path }, 'unix'), 'unix')
    assert.is(statSync(path).mode & 0o777, 0o600)
    const taken = await call(['forward', '--url', url, '-R', `${forward.port(0)}:${port}`])
    assert.is(taken.code, 1)
    assert.match(taken.stderr, /^exec-server: cannot listen on localhost:\d+ on the devbox: .*Address already in use/)
    forward.child.kill('SIGINT')
    assert.is((await forward.ended).code, 130)
    await eventually(() => !existsSync(path))
  })
})

test('a reader that takes nothing holds the sender back, through both processes', async () => {
  let sent = 0
  const { port } = await startPeer((socket) => {
    const block = Buffer.alloc(MiB)
    const fill = (): void => {
      // Unbounded, were nothing held back.
      while (sent < 1024 * MiB && socket.write(block)) sent += block.length
    }
    socket.on('drain', fill)
    fill()
  })
  await withServer([], async ({ url }) => {
    const forward = await startForward(url, [`0:${port}`])
    const socket = await open({ host: '127.0.0.1', port: forward.port() })
    socket.pause()
    const other = await open({ host: '127.0.0.1', port: forward.port() })
    // The other connection is read: once so much has come through, the first one had its chance, too.
    let read = 0
    for await (const bytes of other) if ((read += (bytes as Buffer).length) > 128 * MiB) break
    assert.ok(sent < read + 64 * MiB, `${sent} bytes were taken, of which ${read} were read`)
    forward.stop()
    await forward.ended
  })
})

test.run()
