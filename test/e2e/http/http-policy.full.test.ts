/** http/request under --http-policy, with real web servers on this machine. */
import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import type { Client } from '../../support/client.ts'
import { ask, textOf, withServer } from '../../support/web/http.ts'
import { serverCommand } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { plainEnvironment, redirect, reply, startProxy, Web } from '../../support/web/web.ts'

const test = suite('http/request: policy')
const rules = (given: { allow?: string[]; deny?: string[] }): string[] => ['--http-policy', JSON.stringify(given)]

/** Asks, and expects to be refused. */
async function refused(client: Client, url: string, more: object = {}): Promise<void> {
  const { error, result } = await ask(client, url, more)
  assert.is(result, undefined, url)
  assert.is(error?.code, -32600, `${url}: ${error?.message}`)
  assert.match(error?.message ?? '', /not allowed.*--http-policy/)
}

test('a policy that cannot be read ends the server before it listens', () => {
  for (const value of [
    '',
    'nonsense',
    '/no/such/file',
    '{',
    '{"allow":5}',
    '{"deny":["http://x"]}',
    '{"allow":["10.0.0.0/99"]}',
    '{"other":[]}',
  ]) {
    const [command, args] = serverCommand(['--http-policy', value])
    const { status, stdout, stderr } = spawnSync(command, args, {
      encoding: 'utf8',
      timeout: 50_000,
      env: plainEnvironment(),
    })
    assert.is(status, 2, value)
    assert.is(stdout, '')
    assert.match(stderr, /^exec-server: [^\n]*--http-policy[^\n]*\n/)
  }
})

test('what is denied is never connected to: as an address, by its name, or behind a redirect', async () => {
  const denied = await Web.start((_, socket) => socket.write(reply('secret')), { address: '127.0.0.2' })
  const web = await Web.start((_, socket) => socket.write(redirect(denied.url('/', '127.0.0.2'), 307)))
  await withServer(rules({ deny: ['127.0.0.2', '127.1.0.0/16', '*.denied.test'] }), {}, async (client) => {
    for (const host of [
      '127.0.0.2',
      '0x7f.2',
      '2130706434',
      '127.2',
      '017700000002',
      '[::ffff:127.0.0.2]',
      '[::ffff:7f00:2]',
      '127.0.0.2.',
    ]) {
      for (const streamResponse of [false, true]) await refused(client, denied.url('/', host), { streamResponse })
    }
    await refused(client, 'http://127.1.2.3/')
    await refused(client, web.url(), { method: 'POST', bodyBase64: btoa('x') })
    await refused(client, web.url(), { streamResponse: true })
    assert.is((await ask(client, web.url(), { redirectPolicy: 'stop' })).result.status, 307)
  })
  await withServer(rules({ deny: ['127.0.0.0/8', '::1'] }), {}, async (client) => {
    for (const host of ['localhost', 'LOCALHOST', '127.0.0.1']) await refused(client, denied.url('/', host))
  })
  assert.is(denied.connections, 0)
  assert.ok(web.connections > 0)
  await denied.stop()
  await web.stop()
})

test('the address that means this machine is denied with its loopback addresses', async () => {
  const web = await Web.start((_, socket) => socket.write(reply('secret')))
  await withServer(rules({ deny: ['127.0.0.0/8', '::1'] }), {}, async (client) => {
    for (const host of ['0.0.0.0', '0', '[::ffff:0.0.0.0]', '[::]']) await refused(client, web.url('/', host))
  })
  assert.is(web.connections, 0)
  await web.stop()
})

test('with allow only what it names is asked, by name or by address', async () => {
  const web = await Web.start((_, socket) => socket.write(reply('ok')))
  await withServer(rules({ allow: ['localhost'] }), {}, async (client) => {
    assert.is(textOf(await ask(client, web.url('/', 'localhost'))), 'ok')
    assert.is(textOf(await ask(client, web.url('/', 'LocalHost'))), 'ok')
    await refused(client, web.url())
  })
  await withServer(rules({ allow: ['127.0.0.0/8', '::1'] }), {}, async (client) => {
    assert.is(textOf(await ask(client, web.url('/', 'localhost'))), 'ok')
    assert.is(textOf(await ask(client, web.url())), 'ok')
    await refused(client, 'http://10.0.0.1/')
    await refused(client, 'http://[64:ff9b::10.0.0.1]/')
  })
  await Promise.all([
    withServer(rules({ allow: ['localhost'], deny: ['127.0.0.1', '::1'] }), {}, (client) =>
      refused(client, web.url('/', 'localhost')),
    ),
    withServer(rules({ allow: [] }), {}, (client) => refused(client, web.url())),
  ])
  await web.stop()
})

test('a proxy is not asked for what is denied, nor for what cannot be judged', async () => {
  const proxy = await startProxy(1)
  const env = { ALL_PROXY: proxy.url() }
  await withServer(rules({ deny: ['10.0.0.0/8', 'denied.test'] }), env, async (client) => {
    for (const scheme of ['http', 'https']) {
      for (const host of ['denied.test', '10.1.2.3', '0xa.1.2.3', '[::ffff:10.1.2.3]', 'unresolved.invalid']) {
        await refused(client, `${scheme}://${host}/`)
      }
    }
    assert.is(proxy.connections, 0)
    assert.is(textOf(await ask(client, 'http://11.1.2.3/')), 'by proxy')
    proxy.serve = (_, socket) => socket.write(redirect('http://denied.test/'))
    await refused(client, 'http://11.1.2.3/')
    assert.equal(
      proxy.asked.map(({ target }) => target),
      ['http://11.1.2.3/', 'http://11.1.2.3/'],
    )
    proxy.serve = (_, socket) => socket.write(reply('by proxy'))
  })
  await withServer(rules({ allow: ['*.corp.test', '10.0.0.0/8'] }), env, async (client) => {
    assert.is(textOf(await ask(client, 'http://x.corp.test/')), 'by proxy')
    assert.is(textOf(await ask(client, 'http://10.0.0.1/')), 'by proxy')
    await refused(client, 'http://corp.invalid/')
  })
  await proxy.stop()
})

test.run()
