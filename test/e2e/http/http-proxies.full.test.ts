/** http/request by way of proxies, and whose certificates are trusted. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { ask, bodyOf, endOf, MiB, openFiles, stream, textOf, withServer } from '../../support/web/http.ts'
import { eventually, isDeno } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { authorityFile, head, pour, redirect, reply, startProxy, valueOf, Web } from '../../support/web/web.ts'
import type { Asked, Serve } from '../../support/web/web.ts'

const test = suite('http/request: proxies and certificates')
let tls: Web
let proxy: Web
const trusted = authorityFile()
const env = (more: Record<string, string> = {}) => ({ CODEX_CA_CERTIFICATE: trusted, ...more })

test.before(async () => {
  tls = await Web.start((_, socket) => socket.write(reply('secure')), { secure: true })
  proxy = await startProxy(tls.port)
})
test.before.each(() => {
  tls.asked.length = proxy.asked.length = 0
  proxy.connections = tls.connections = 0
})
test.after(async () => {
  await tls.stop()
  await proxy.stop()
})

test('a proxy is asked for the whole URL, with its credentials, and for nothing on this machine', async () => {
  const web = await Web.start((_, socket) => socket.write(reply('direct')))
  await withServer(
    [],
    { HTTP_PROXY: proxy.url().replace('//', '//us%C3%A9r:p%40@'), NO_PROXY: '127.0.0.0/8' },
    async (client) => {
      assert.is(
        textOf(
          await ask(client, 'http://somewhere.test/a?b#c', {
            method: 'PUT',
            bodyBase64: btoa('body'),
            headers: [{ name: 'X-A', value: '1' }],
          }),
        ),
        'by proxy',
      )
      const { method, target, lines, body } = proxy.last
      assert.equal([method, target, body.toString()], ['PUT', 'http://somewhere.test/a?b', 'body'])
      assert.equal(
        lines.filter(([name]) => name !== 'proxy-authorization'),
        [
          ['x-a', '1'],
          ['accept', '*/*'],
          ['accept-encoding', isDeno ? 'gzip' : 'zstd,gzip'],
          ['host', 'somewhere.test'],
          ['content-length', '4'],
        ],
      )
      assert.is(valueOf(proxy.last, 'proxy-authorization'), `Basic ${Buffer.from('usér:p@').toString('base64')}`)
      await ask(client, 'http://somewhere.test:8080/')
      assert.is(proxy.last.target, 'http://somewhere.test:8080/')
      await stream(client, 's', 'http://somewhere.test/')
      await endOf(client, 's')
      assert.is(bodyOf(client, 's').toString(), 'by proxy')
      assert.is(proxy.asked.length, 3)
      for (const host of ['127.0.0.1', 'localhost']) assert.is(textOf(await ask(client, web.url('/', host))), 'direct')
      assert.is(proxy.asked.length, 3)
    },
  )
  await web.stop()
})

test('the variables may be small, ALL_PROXY serves what has none of its own, and NO_PROXY exempts', async () => {
  const serves = (name: string, url: string): Promise<void> =>
    withServer([], { [name]: url }, async (client) =>
      assert.is(textOf(await ask(client, 'http://somewhere.test/')), 'by proxy', name),
    )
  await Promise.all([
    serves('http_proxy', proxy.url()),
    serves('ALL_PROXY', proxy.url()),
    serves('all_proxy', proxy.url().replace('http://', '')),
  ])
  const before = proxy.connections
  await withServer([], { HTTP_PROXY: proxy.url(), NO_PROXY: 'other.test,somewhere.invalid:8080' }, async (client) => {
    assert.is((await ask(client, 'http://somewhere.invalid:8080/', {}, 60_000)).error?.code, -32603)
    assert.is(proxy.connections, before)
    assert.is(textOf(await ask(client, 'http://somewhere.invalid/')), 'by proxy')
  })
  await withServer([], { HTTP_PROXY: proxy.url(), REQUEST_METHOD: 'GET' }, async (client) => {
    const { connections } = proxy
    assert.is((await ask(client, 'http://somewhere.invalid/', {}, 60_000)).error?.code, -32603)
    assert.is(proxy.connections, connections)
  })
})

test('TLS goes through a tunnel, end to end, and the tunnel is used again', async () => {
  await withServer([], env({ HTTPS_PROXY: proxy.url().replace('//', '//u:p@') }), async (client) => {
    const headers = [{ name: 'authorization', value: 'for the server' }]
    for (let count = 0; count < 3; count++)
      assert.is(textOf(await ask(client, 'https://somewhere.test/x?y', { headers })), 'secure')
    assert.equal(
      proxy.asked.map(({ method, target }) => [method, target]),
      [['CONNECT', 'somewhere.test:443']],
    )
    assert.is(valueOf(proxy.last, 'proxy-authorization'), `Basic ${btoa('u:p')}`)
    assert.is(valueOf(proxy.last, 'authorization'), undefined)
    assert.equal(
      [tls.last.target, valueOf(tls.last, 'host'), valueOf(tls.last, 'authorization')],
      ['/x?y', 'somewhere.test', 'for the server'],
    )
    assert.is(valueOf(tls.last, 'proxy-authorization'), undefined)
    await stream(client, 's', 'https://somewhere.test:8443/')
    await endOf(client, 's')
    assert.is(bodyOf(client, 's').toString(), 'secure')
    assert.is(proxy.last.target, 'somewhere.test:8443')
  })
})

test('the certificate at the end of a tunnel must be for the host that was asked for, name or address', async () => {
  await withServer([], env({ HTTPS_PROXY: proxy.url() }), async (client) => {
    assert.is(textOf(await ask(client, 'https://203.0.113.5/')), 'secure')
    assert.is(proxy.last.target, '203.0.113.5:443')
    for (const host of ['other.test', '203.0.113.6', '[2001:db8::1]']) {
      const { error } = await ask(client, `https://${host}/`)
      assert.is(error?.code, -32603, host)
    }
    assert.ok(tls.asked.length === 1)
  })
  await withServer([], { HTTPS_PROXY: proxy.url() }, async (client) =>
    assert.is((await ask(client, 'https://somewhere.test/')).error?.code, -32603),
  )
})

test('a proxy may itself be spoken to over TLS, by the same authorities', async () => {
  const secure = await startProxy(tls.port, undefined, true)
  await withServer([], env({ ALL_PROXY: secure.url('/', 'localhost') }), async (client) => {
    assert.is(textOf(await ask(client, 'http://somewhere.test/')), 'by proxy')
    assert.is(textOf(await ask(client, 'https://somewhere.test/')), 'secure')
    assert.is((await ask(client, 'https://other.test/')).error?.code, -32603)
  })
  await withServer([], { ALL_PROXY: secure.url('/', 'localhost') }, async (client) => {
    for (const scheme of ['http', 'https'])
      assert.is((await ask(client, `${scheme}://somewhere.test/`)).error?.code, -32603, scheme)
  })
  await secure.stop()
})

test('a proxy that fails is an error, and no direct request is made', async () => {
  const gone = await Web.start(() => {})
  const goneUrl = gone.url()
  await gone.stop()
  const fails = async (client: Client, name: string): Promise<void> => {
    const { error } = await ask(client, 'https://somewhere.test/')
    assert.is(error?.code, -32603, name)
    assert.match(
      error?.message ?? '',
      /^http\/request failed: error sending request for url \(https:\/\/somewhere\.test\/\)/,
      name,
    )
  }
  await Promise.all(
    [goneUrl, 'socks5://127.0.0.1:1', 'http://'].map((url) =>
      withServer([], env({ HTTPS_PROXY: url }), (client) => fails(client, url)),
    ),
  )
  const bad = await Web.start(() => {})
  const ways: [string, Serve][] = [
    ['407', (_, socket) => socket.write(reply('who are you', [], 407))],
    [
      'a tunnel all the same',
      (_, socket) => {
        const onward = connect(tls.port, '127.0.0.1')
        onward.on('error', () => {})
        socket.write(head(403))
        socket.pipe(onward).pipe(socket)
      },
    ],
    ['closes', (_, socket) => socket.destroy()],
    ['nonsense', (_, socket) => socket.write('nonsense\r\n\r\n')],
    ['tunnel that ends', (_, socket) => socket.end(head(200))],
    ['tunnel to nonsense', (_, socket) => socket.write(`${head(200)}nonsense nonsense nonsense`)],
  ]
  await withServer([], env({ HTTPS_PROXY: bad.url() }), async (client) => {
    for (const [name, serve] of ways) {
      bad.serve = serve
      await fails(client, name)
    }
  })
  await bad.stop()
})

test('a proxy that is silent is waited for no longer than was asked, and is let go with the client', async () => {
  for (const silent of [(): void => {}, (_: Asked, socket: Socket): void => void socket.write(head(200))]) {
    const hole = await Web.start(silent)
    await withServer([], env({ ALL_PROXY: hole.url() }), async (client, server) => {
      const until = async (scheme: string, streamResponse: boolean): Promise<void> => {
        const requestId = `${scheme} ${streamResponse}`
        const answer = await ask(client, `${scheme}://somewhere.test/`, { timeoutMs: 300, streamResponse, requestId })
        // To a plain request its answer is a head and an endless body.
        if (answer.result !== undefined)
          assert.match((await endOf(client, requestId)).error ?? '', /timed out/, requestId)
        else assert.match(answer.error?.message ?? '', /timed out/, requestId)
      }
      await Promise.all(['http', 'https'].flatMap((scheme) => [until(scheme, false), until(scheme, true)]))
      await eventually(() => hole.sockets.size === 0, 30_000, 'the end of what timed out')
      const leaving = await Client.connect(server.url)
      const before = openFiles(server)
      for (let index = 0; index < 20; index++) {
        void leaving.ask('http/request', {
          method: 'GET',
          url: 'https://somewhere.test/',
          requestId: `${index}`,
          streamResponse: index % 2 === 0,
        })
      }
      await eventually(() => hole.sockets.size === 20, 30_000, 'all tunnels')
      await leaving.drop()
      await eventually(() => hole.sockets.size === 0, 30_000, 'the end of all tunnels')
      await eventually(() => openFiles(server) <= before, 30_000, 'no more open files')
    })
    await hole.stop()
  }
})

test('bare line feeds in heads are understood over TLS, directly and from a proxy', async () => {
  const { serve } = tls
  tls.serve = (_, socket) => socket.write('HTTP/1.1 200 OK\ncontent-length: 4\ncontent-length: 4\n\n\nok\n')
  await withServer([], { CODEX_CA_CERTIFICATE: trusted }, async (client) => {
    for (let time = 0; time < 2; time++) assert.is(textOf(await ask(client, tls.url('/', 'localhost'))), '\nok\n')
  })
  const loose = await Web.start((_, socket) => {
    socket.write('HTTP/1.1 200 Connected\n\n')
    const through = connect(tls.port, '127.0.0.1')
    socket.pipe(through).pipe(socket)
  })
  await withServer([], { ALL_PROXY: loose.url(), CODEX_CA_CERTIFICATE: trusted }, async (client) => {
    assert.is(textOf(await ask(client, 'https://somewhere.test/')), '\nok\n')
  })
  await loose.stop()
  tls.serve = serve
})

// ---- certificates ----

test('an authority that the environment adds is trusted, and no other', async () => {
  const trusts = (name: string): Promise<void> =>
    withServer([], { [name]: trusted }, async (client) => {
      assert.is(textOf(await ask(client, tls.url('/', 'localhost'))), 'secure', name)
      assert.is(textOf(await ask(client, tls.url())), 'secure', name)
    })
  await Promise.all(['CODEX_CA_CERTIFICATE', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'].map(trusts))
  await withServer([], {}, async (client) => {
    const { asked } = tls
    const before = asked.length
    const { error } = await ask(client, tls.url('/', 'localhost'))
    assert.is(error?.code, -32603)
    assert.match(error?.message ?? '', /certificate/)
    assert.is(asked.length, before)
  })
  await withServer([], { CODEX_CA_CERTIFICATE: '/no/such/file' }, async (client) => {
    assert.is((await ask(client, tls.url('/', 'localhost'))).error?.code, -32603)
    const web = await Web.start((_, socket) => socket.write(reply('plain')))
    assert.is(textOf(await ask(client, web.url())), 'plain')
    await web.stop()
  })
})

test('the name in the URL is the one that is verified, whatever the host header says', async () => {
  const other = await Web.start((_, socket) => socket.write(reply('secure')), { secure: true, address: '127.0.0.2' })
  await withServer([], env(), async (client) => {
    const named = (url: string, host: string) => ask(client, url, { headers: [{ name: 'host', value: host }] })
    assert.is(textOf(await named(tls.url('/', 'localhost'), 'other.test')), 'secure')
    assert.is(valueOf(tls.last, 'host'), 'other.test')
    for (const host of ['localhost', 'somewhere.test', '127.0.0.1']) {
      assert.is((await named(other.url('/', '127.0.0.2'), host)).error?.code, -32603, host)
    }
    assert.match((await ask(client, other.url('/', '127.0.0.2'))).error?.message ?? '', /127\.0\.0\.2/)
    assert.is(other.asked.length, 0)
  })
  await other.stop()
})

test('streams, large bodies and redirects work over TLS, and a connection is used again', async () => {
  const total = 4 * MiB
  const serve = tls.serve
  tls.serve = ({ target }, socket) => {
    if (target === '/redirect') return void socket.write(redirect('/large'))
    socket.write(head(200, [['content-length', total]]))
    pour(socket, total, Buffer.alloc(64 * 1024, 'x'))
  }
  await withServer([], env(), async (client) => {
    await stream(client, 's', tls.url('/large', 'localhost'))
    await endOf(client, 's')
    assert.is(bodyOf(client, 's').length, total)
    assert.is(textOf(await ask(client, tls.url('/redirect', 'localhost'))).length, total)
    const before = tls.connections
    for (let count = 0; count < 3; count++) await ask(client, tls.url('/large', 'localhost'))
    assert.ok(tls.connections <= before + 1)
  })
  tls.serve = serve
})

test.run()
