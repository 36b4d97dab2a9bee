/** `exec-server forward`, when something does not work. */
import { once } from 'node:events'
import { connect } from 'node:net'
import * as assert from 'uvu/assert'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { withServer } from '../../support/with-server.ts'
import { call } from '../cli/call.ts'
import { startProxy } from '../client/support/proxy.ts'
import { closing, echo, exchange, open, startForward, startPeer } from './peers.ts'

test('a target that refuses, or is not allowed, is said once, and the connection here is reset', async () => {
  const { port, server } = await startPeer(echo)
  server.close()
  await withServer([], async ({ url }) => {
    const forward = await startForward(url, [`0:${port}`, '0:192.0.2.1:80', '0:/no/such.sock'])
    const fails = async (index: number): Promise<void> => {
      // It may be reset before the test hears that it is open.
      const socket = connect({ host: '127.0.0.1', port: forward.port(index) }).on('error', () => {})
      await closing(socket.resume())
    }
    for (const index of [0, 0, 0, 1, 2]) await fails(index)
    assert.equal(forward.stderr().split('\n'), [
      `exec-server: cannot forward to localhost:${port} on the devbox: localhost:${port}: Connection refused (os error 111)`,
      "exec-server: cannot forward to 192.0.2.1:80 on the devbox: connecting to 192.0.2.1:80 is not allowed by this server's --forward-policy",
      'exec-server: cannot forward to /no/such.sock on the devbox: /no/such.sock: No such file or directory (os error 2)',
      '',
    ])
    forward.stop()
    await forward.ended
  })
})

test('when the connection is lost the listeners stay, here and there, and connections work again', async () => {
  const { port } = await startPeer(echo)
  await withServer([], async ({ url }) => {
    const proxy = await startProxy(url)
    const forward = await startForward(proxy.url, [`0:${port}`, '-R', `0:${port}`], 2)
    const ways = [0, 1].map((index) => ({ host: '127.0.0.1', port: forward.port(index) }))
    const old = await open(ways[0] as { port: number })
    old.write('a')
    await once(old, 'data')
    const broken = closing(old)
    proxy.down()
    assert.ok(await broken)
    const waiting = exchange(ways[0] as { port: number }, 'waits for the devbox')
    proxy.up()
    assert.is(await waiting, 'waits for the devbox')
    await eventually(async () => (await exchange(ways[1] as { port: number }, 'back').catch(() => '')) === 'back')
    assert.match(forward.stderr(), /connection lost, reconnecting/)
    forward.stop()
    await forward.ended
    await proxy.close()
  })
})

test('a devbox that has started anew is connected to again', async () => {
  const { port } = await startPeer(echo)
  let listen = ''
  let forward: Awaited<ReturnType<typeof startForward>> | undefined
  await withServer([], async ({ url }) => {
    listen = url
    forward = await startForward(url, [`0:${port}`, '-R', `0:${port}`], 2)
    assert.is(await exchange({ host: '127.0.0.1', port: forward.port() }, 'before'), 'before')
  })
  const active = forward as NonNullable<typeof forward>
  await eventually(() => /connection lost, reconnecting/.test(active.stderr()))
  await withServer(['--listen', listen], async () => {
    for (const index of [0, 1]) {
      const target = { host: '127.0.0.1', port: active.port(index) }
      await eventually(async () => (await exchange(target, 'after').catch(() => '')) === 'after')
    }
    assert.match(active.stderr(), /could not be resumed.*; connecting again\n/)
    assert.match(active.stderr(), /exec-server: reconnected\n/)
    assert.not.match(active.stderr(), /cannot forward/)
    active.stop()
    await active.ended
  })
})

test('a command line that cannot be followed exits with 2, a server that forwards nothing with 1', async () => {
  assert.is((await call(['forward', '--url', 'ws://127.0.0.1:1'])).code, 2)
  assert.is((await call(['forward', '--url', 'ws://127.0.0.1:1', 'nonsense'])).code, 2)
  assert.is((await call(['forward', '--url', 'ws://127.0.0.1:1', '80:./relative.sock'])).code, 2)
  assert.is((await call(['forward', '--url', 'ws://127.0.0.1:1', '80'])).code, 255)
  const { port } = await startPeer(echo)
  for (const args of [['--no-forward'], ['--require-sandbox']])
    await withServer(args, async ({ url }) => {
      for (const flags of [[`0:${port}`], ['-R', `0:${port}`]]) {
        const { code, stderr } = await call(['forward', '--url', url, ...flags])
        assert.is(code, 1)
        assert.match(stderr, /^exec-server: this server forwards nothing\n/)
      }
    })
  await withServer([], async ({ url }) => {
    const { code, stderr } = await call(['forward', '--url', url, `127.0.0.1:${port}:80`])
    assert.is(code, 1)
    assert.match(
      stderr,
      /^exec-server: cannot listen on 127\.0\.0\.1:\d+: Address already in use .*\n {2}name another port/,
    )
  })
})

test.run()
