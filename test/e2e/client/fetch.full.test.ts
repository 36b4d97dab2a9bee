import { randomBytes } from 'node:crypto'
import { deflateSync, gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { connect } from '../../../src/client/connect.ts'
import { DisconnectedError, ProtocolError, RpcError, UnsupportedError } from '../../../src/client/base/errors.ts'
import type { ExecClient } from '../../../src/client/base/types.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { head, redirect, reply, valueOf, Web } from '../../support/web/web.ts'
import type { Serve } from '../../support/web/web.ts'
import { startMisbehavingServer } from './support/misbehaving-server.ts'
import type { Responder } from './support/misbehaving-server.ts'
import { startProxy } from './support/proxy.ts'
import type { Proxy } from './support/proxy.ts'
import { sharing } from './support/shared-server.ts'
import { roundTrip } from './support/when-idle.ts'
import { subjects } from './support/subject.ts'
import type { Subject } from './support/subject.ts'
import { drain, failure, isSame, pattern, withClient } from './support/with-client.ts'
import type { SceneOptions } from './support/with-client.ts'

const MiB = 1024 * 1024
const shared = subjects.map((subject) => sharing(test, subject))
const [ours] = shared as [Subject]

async function withWeb(serve: Serve, body: (web: Web) => Promise<void>): Promise<void> {
  const web = await Web.start(serve)
  try {
    await body(web)
  } finally {
    await web.stop()
  }
}

type Body = (client: ExecClient, web: Web) => Promise<void>

const withBoth = (subject: Subject, serve: Serve, body: Body, options?: SceneOptions): Promise<void> =>
  withWeb(serve, (web) => withClient(subject, ({ client }) => body(client, web), options))

const bytesOf = async (response: Response): Promise<Uint8Array> => new Uint8Array(await response.arrayBuffer())

const causeOf = (error: Error): Error => error.cause as Error

for (const subject of shared) {
  const { name, faults } = subject

  if (faults.has('noHttp')) {
    test(`${name}: without http/request there is no fetch`, () =>
      withClient(subject, async ({ client }) => {
        assert.instance(await failure(client.fetch('http://127.0.0.1:1/')), UnsupportedError)
      }))
    continue
  }

  test(`${name}: a request goes out as it was asked for, and its response is a Response`, () =>
    withBoth(
      subject,
      (_, socket) =>
        socket.write(
          reply(
            '{"a":1}',
            [
              ['content-type', 'application/json'],
              ['set-cookie', 'a=1'],
              ['set-cookie', 'b=2'],
              ['x-twice', '1'],
              ['X-Twice', '2'],
            ],
            201,
          ),
        ),
      async ({ fetch }, web) => {
        const response = await fetch(web.url('/path?q=1#fragment'), {
          method: 'post',
          headers: [
            ['X-B', ' 1 '],
            ['X-B', '3'],
            ['x-a', '2'],
          ],
          body: 'häll',
        })
        assert.instance(response, Response)
        assert.equal(
          [response.status, response.ok, response.headers.get('content-type')],
          [201, true, 'application/json'],
        )
        assert.equal(response.headers.getSetCookie(), ['a=1', 'b=2'])
        assert.is(response.headers.get('x-twice'), '1, 2')
        assert.equal(await response.json(), { a: 1 })
        assert.equal([web.last.method, web.last.target, web.last.body.toString()], ['POST', '/path?q=1', 'häll'])
        assert.equal(
          web.last.lines.filter(([name]) => name.startsWith('x-')),
          [
            ['x-b', '1'],
            ['x-b', '3'],
            ['x-a', '2'],
          ],
        )
        assert.is(valueOf(web.last, 'content-type'), 'text/plain;charset=UTF-8')
      },
    ))

  test(`${name}: every kind of body is sent, with its type`, () =>
    withBoth(
      subject,
      (_, socket) => socket.write(reply('ok')),
      async ({ fetch }, web) => {
        const form = new FormData()
        form.set('a', 'b')
        const stream = new Blob(['a stream']).stream()
        const cases: [BodyInit, string | RegExp, string | RegExp | undefined][] = [
          [new Uint8Array([104, 105]), 'hi', undefined],
          [new TextEncoder().encode('hidden').buffer.slice(0, 2), 'hi', undefined],
          [new Blob(['blob'], { type: 'x/y' }), 'blob', 'x/y'],
          [new URLSearchParams({ a: 'b c' }), 'a=b+c', /^application\/x-www-form-urlencoded/],
          [form, /name="a"\r\n\r\nb\r\n/, /^multipart\/form-data; ?boundary=/],
          [stream, 'a stream', undefined],
        ]
        for (const [body, expected, type] of cases) {
          await (await fetch(web.url(), { method: 'PUT', body })).text()
          const sent = [web.last.body.toString(), valueOf(web.last, 'content-type') ?? '']
          for (const [index, each] of [expected, type ?? ''].entries()) {
            if (typeof each === 'string') assert.is(sent[index], each)
            else assert.match(sent[index] as string, each)
          }
        }
        const request = new Request(web.url('/request'), {
          method: 'PATCH',
          body: 'of a Request',
          headers: { 'x-a': '1' },
        })
        await (await fetch(request, { headers: { 'x-b': '2' } })).text()
        assert.equal(
          [web.last.method, web.last.target, web.last.body.toString()],
          ['PATCH', '/request', 'of a Request'],
        )
        assert.equal([valueOf(web.last, 'x-a'), valueOf(web.last, 'x-b')], [undefined, '2'])
        await (await fetch(new URL(web.url('/plain')))).text()
        assert.equal([web.last.method, web.last.body.length], ['GET', 0])
      },
    ))

  // A body goes whole, as base64: more than the 16 MiB of one frame.
  test(`${name}: 13 MB there and 15 MB back are the same bytes`, () =>
    withBoth(
      subject,
      (asked, socket) => {
        socket.write(head(200, [['content-length', asked.body.length + 2_000_000]]))
        socket.write(asked.body)
        socket.write(pattern(2_000_000))
      },
      async ({ fetch }, web) => {
        const bytes = pattern(13_000_003)
        const back = await bytesOf(await fetch(web.url(), { method: 'POST', body: bytes }))
        assert.ok(isSame(web.last.body, bytes))
        assert.ok(isSame(back, Buffer.concat([bytes, pattern(2_000_000)])))
      },
    ))

  test(`${name}: a body is read while it comes`, () =>
    withBoth(
      subject,
      (_, socket) => socket.write(`${head(200, [['transfer-encoding', 'chunked']])}3\r\none\r\n`),
      async ({ fetch }, web) => {
        const response = await fetch(web.url())
        const reader = (response.body as ReadableStream<Uint8Array>).getReader()
        assert.is(Buffer.from((await reader.read()).value as Uint8Array).toString(), 'one')
        web.last.socket.write('3\r\ntwo\r\n0\r\n\r\n')
        assert.is(Buffer.from((await reader.read()).value as Uint8Array).toString(), 'two')
        assert.is((await reader.read()).done, true)
      },
    ))

  test(`${name}: responses without a body have none, and one that is empty is empty`, () =>
    withBoth(
      subject,
      ({ target, method }, socket) => {
        const length = method === 'HEAD' ? [['content-length', 5] as const] : []
        socket.write(target === '/empty' ? reply('') : head(Number(target.slice(1)), length))
      },
      async ({ fetch }, web) => {
        for (const status of [204, 304]) {
          const response = await fetch(web.url(`/${status}`))
          assert.equal([response.status, response.body, await response.text()], [status, null, ''])
        }
        const response = await fetch(web.url('/200'), { method: 'HEAD' })
        assert.equal([response.status, response.headers.get('content-length'), await response.text()], [200, '5', ''])
        assert.is(await (await fetch(web.url('/empty'))).text(), '')
      },
    ))

  test(`${name}: a status that Response does not allow is reported all the same`, () =>
    withBoth(
      subject,
      (_, socket) => socket.write(reply('odd', [], 799)),
      async ({ fetch }, web) => {
        const response = await fetch(web.url())
        assert.equal([response.status, response.ok, await response.text()], [799, false, 'odd'])
      },
    ))

  test(`${name}: redirects are followed, or not, as it was asked for, and never against it`, () =>
    withBoth(
      subject,
      ({ target }, socket) => socket.write(target === '/a' ? redirect('/b') : reply('end')),
      async ({ fetch, environmentInfo }, web) => {
        assert.is(await (await fetch(web.url('/a'))).text(), 'end')
        web.asked.length = 0
        if (environmentInfo === undefined) {
          for (const redirect of ['manual', 'error'] as const) {
            assert.instance(await failure(fetch(web.url('/a'), { redirect })), UnsupportedError)
          }
          assert.is(web.asked.length, 0)
          return
        }
        const response = await fetch(web.url('/a#x'), { redirect: 'manual' })
        assert.equal([response.status, response.headers.get('location'), await response.text()], [302, '/b', 'moved'])
        assert.equal([response.url, response.redirected], [web.url('/a'), false])
        const error = await failure(fetch(web.url('/a'), { redirect: 'error' }))
        assert.instance(error, TypeError)
        assert.is(causeOf(error).message, 'unexpected redirect')
        assert.is(await (await fetch(web.url('/b'), { redirect: 'error' })).text(), 'end')
        assert.equal(
          web.asked.map(({ target }) => target),
          ['/a', '/a', '/b'],
        )
      },
    ))

  test(`${name}: a header from the devbox's environment has its value there, or the call is refused`, () =>
    withBoth(
      subject,
      (_, socket) => socket.write(reply('ok')),
      async ({ fetch, environmentInfo }, web) => {
        const headersFromEnvironment = [{ name: 'X-Home', prefix: 'at ', variable: 'HOME' }]
        const call = fetch(web.url(), { headersFromEnvironment })
        if (environmentInfo === undefined) {
          assert.instance(await failure(call), UnsupportedError)
          assert.is(web.asked.length, 0)
          return
        }
        await (await call).text()
        assert.is(valueOf(web.last, 'x-home'), `at ${process.env['HOME']}`)
        assert.instance(
          await failure(fetch(web.url(), { headers: { 'x-home': '1' }, headersFromEnvironment })),
          TypeError,
        )
        const missing = await failure(
          fetch(web.url(), { headersFromEnvironment: [{ name: 'x', variable: 'NO_SUCH_VARIABLE' }] }),
        )
        assert.equal([missing.message, (causeOf(missing) as RpcError).code], ['fetch failed', -32602])
      },
    ))

  test(`${name}: a failed request is a TypeError whose cause is the server's error, as in fetch`, () =>
    withBoth(
      subject,
      ({ target }, socket) => {
        if (target === '/cut') socket.write(`${head(200, [['content-length', 10]])}half`)
      },
      async ({ fetch }, web) => {
        const refused = await failure(fetch('http://127.0.0.1:1/'))
        assert.instance(refused, TypeError)
        assert.is(refused.message, 'fetch failed')
        assert.instance(refused.cause, RpcError)
        const response = await fetch(web.url('/cut'))
        web.last.socket.destroy()
        const cut = await failure(response.text())
        assert.instance(cut, TypeError)
        assert.is(cut.message, 'terminated')
        const late = await failure(fetch(web.url('/silent'), { timeoutMs: 50 }))
        assert.instance(late.cause, RpcError)
      },
    ))

  test(`${name}: an abort ends the wait for the headers, or the body, with its reason`, () =>
    withBoth(
      subject,
      ({ target }, socket) => {
        if (target === '/body') socket.write(`${head(200, [['content-length', 10]])}half`)
      },
      async ({ fetch }, web) => {
        const reason = new Error('enough')
        assert.is(await failure(fetch(web.url(), { signal: AbortSignal.abort(reason) })), reason)
        assert.is(web.asked.length, 0)
        const early = new AbortController()
        const waiting = failure(fetch(web.url('/silent'), { signal: early.signal }))
        await eventually(() => web.asked.length === 1)
        early.abort(reason)
        assert.is(await waiting, reason)
        // Servers of Codex's do nothing else meanwhile.
        web.last.socket.destroy()
        const late = new AbortController()
        const { body } = await fetch(web.url('/body'), { signal: late.signal })
        const reader = (body as ReadableStream<Uint8Array>).getReader()
        assert.is(Buffer.from((await reader.read()).value as Uint8Array).toString(), 'half')
        const reading = failure(reader.read())
        late.abort(reason)
        assert.is(await reading, reason)
      },
    ))

  test(`${name}: a lost connection fails what was under way, with its reason and after what had come, and later requests go`, async () => {
    let proxy: Proxy | undefined
    const via = async (url: string): Promise<Proxy> => (proxy = await startProxy(url))
    const serve: Serve = ({ target }, socket) => {
      if (target === '/whole') socket.write(reply('whole'))
      if (target === '/body') socket.write(`${head(200, [['content-length', 10]])}half`)
    }
    await withBoth(
      subject,
      serve,
      async (client, web) => {
        const parts = ['half', 'whole'].map((text) => proxy?.passed(base64(text)))
        const response = await client.fetch(web.url('/body'))
        const reader = (response.body as ReadableStream<Uint8Array>).getReader()
        const whole = await client.fetch(web.url('/whole'))
        await Promise.all(parts)
        await roundTrip(client)
        const silent = failure(client.fetch(web.url('/silent')))
        await eventually(() => web.asked.length === 3)
        proxy?.cut(1)
        assert.instance(await silent, DisconnectedError)
        assert.is(Buffer.from((await reader.read()).value as Uint8Array).toString(), 'half')
        const error = await failure(reader.read())
        assert.instance(error, DisconnectedError)
        assert.not.match(error.message, 'part')
        assert.is(await whole.text(), 'whole')
        // Old servers have no session to come back to.
        if (faults.has('noBlocks')) return
        assert.is(await (await client.fetch(web.url('/whole'))).text(), 'whole')
      },
      { via },
    )
  })
}

test('a body in gzip or deflate is decoded, and deflate not if it was asked for', () => {
  const text = 'much the same, '.repeat(10_000)
  return withBoth(
    ours,
    ({ target }, socket) => {
      if (target === '/gzip') socket.write(reply(gzipSync(text), [['content-encoding', 'gzip']]))
      if (target === '/deflate') socket.write(reply(deflateSync(text), [['Content-Encoding', 'Deflate']]))
      if (target === '/br') socket.write(reply('not looked at', [['content-encoding', 'br']]))
      if (target === '/empty') socket.write(reply('', [['content-encoding', 'gzip']]))
      if (target === '/broken') socket.write(reply('no gzip', [['content-encoding', 'gzip']]))
      if (target === '/short') socket.write(reply(gzipSync(text).subarray(0, 100), [['content-encoding', 'gzip']]))
    },
    async ({ fetch }, web) => {
      for (const path of ['/gzip', '/deflate']) assert.ok((await (await fetch(web.url(path))).text()) === text)
      const asked = { headers: { 'Accept-Encoding': 'gzip, deflate' } }
      assert.is(await (await fetch(web.url('/gzip'), asked)).text(), text)
      const raw = await bytesOf(await fetch(web.url('/deflate'), asked))
      assert.ok(isSame(raw, deflateSync(text)))
      assert.is(await (await fetch(web.url('/br'))).text(), 'not looked at')
      assert.is(await (await fetch(web.url('/empty'))).text(), '')
      for (const path of ['/broken', '/short'])
        assert.instance(await failure((await fetch(web.url(path))).text()), TypeError)
    },
  )
})

test('a decoded body that is lost on the way fails with the reason', async () => {
  let proxy: Proxy | undefined
  const via = async (url: string): Promise<Proxy> => (proxy = await startProxy(url))
  const packed = deflateSync(randomBytes(200_000))
  await withBoth(
    ours,
    (_, socket) => {
      socket.write(
        head(200, [
          ['content-length', packed.length],
          ['content-encoding', 'deflate'],
        ]),
      )
      socket.write(packed.subarray(0, 150_000))
    },
    async ({ fetch }, web) => {
      const response = await fetch(web.url())
      const decoded = (response.body as ReadableStream<Uint8Array>).getReader()
      await decoded.read()
      proxy?.cut(1)
      const rest = async (): Promise<void> => {
        while ((await decoded.read()).done !== true);
      }
      assert.instance(await failure(rest()), DisconnectedError)
    },
    { via },
  )
})

test('what is no request is refused before anything is sent', () =>
  withBoth(
    ours,
    (_, socket) => socket.write(reply('ok')),
    async ({ fetch }, web) => {
      const wrong: [string, object?][] = [
        ['/relative'],
        ['ftp://127.0.0.1/'],
        ['data:,x'],
        [web.url(), { body: 'x' }],
        [web.url(), { method: 'HEAD', body: 'x' }],
        [web.url(), { headers: { 'no header': 'x' } }],
        [web.url(), { headers: { x: 'a\nb' } }],
        [web.url(), { timeoutMs: -1 }],
        [web.url(), { timeoutMs: Number.NaN }],
        [web.url(), { integrity: 'sha256-x' }],
        [web.url(), { method: 'POST', body: new ReadableStream({ pull: (controller) => controller.enqueue('text') }) }],
      ]
      for (const [url, init] of wrong)
        assert.instance(await failure(fetch(url, init)), TypeError, `${url} ${JSON.stringify(init)}`)
      let isCancelled = false
      const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
        pull: (controller) => controller.enqueue(new Uint8Array(MiB)),
        cancel: () => void (isCancelled = true),
      })
      assert.instance(await failure(fetch(web.url(), { method: 'POST', body: endless })), RangeError)
      assert.ok(isCancelled)
      const reason = new Error('enough')
      const never = new ReadableStream<Uint8Array<ArrayBuffer>>({ pull: () => new Promise(() => {}) })
      const controller = new AbortController()
      const call = failure(fetch(web.url(), { method: 'POST', body: never, signal: controller.signal }))
      controller.abort(reason)
      assert.is(await call, reason)
      assert.is(web.asked.length, 0)
    },
  ))

// ---- misbehaving servers ----

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Runs a test with a client of a server that responds to every http/request with `serve`. */
async function withMisbehavingServer(
  serve: (id: string, respond: Responder) => void,
  body: (client: ExecClient) => Promise<void>,
  options: SceneOptions = {},
): Promise<void> {
  const server = await startMisbehavingServer(({ method, params }, respond) => {
    if (method === 'http/request') serve(params['requestId'] as string, respond)
    else respond.answer({})
  })
  try {
    await using client = await connect(server.url, options)
    await body(client)
  } finally {
    server.close()
  }
}

const part = (requestId: string, seq: number, text: string, more: object = {}): object => {
  return { requestId, seq, deltaBase64: base64(text), done: false, error: null, ...more }
}
const DELTA = 'http/request/bodyDelta'

test('parts may arrive before the response, the last may carry bytes, and later ones are ignored', () =>
  withMisbehavingServer(
    (id, { answer, notify }) => {
      notify(DELTA, part(id, 1, 'early, '))
      answer({ status: 200, headers: [], bodyBase64: '' })
      notify(DELTA, part(id, 2, 'last', { done: true }))
      notify(DELTA, part(id, 3, 'too late'))
      notify(DELTA, part('http-99', 1, 'of nobody'))
      notify(DELTA, {})
    },
    async ({ fetch }) => {
      for (let turn = 0; turn < 3; turn++) assert.is(await (await fetch('http://x/')).text(), 'early, last')
    },
  ))

test('ids are not used again', () => {
  const ids: string[] = []
  return withMisbehavingServer(
    (id, { answer, notify }) => {
      ids.push(id)
      answer({ status: 200, headers: [] })
      notify(DELTA, part(id, 1, '', { done: true }))
    },
    async ({ fetch }) => {
      for (let turn = 0; turn < 3; turn++) await (await fetch('http://x/')).text()
      assert.equal(ids, ['http-1', 'http-2', 'http-3'])
    },
  )
})

for (const [title, seqs] of [
  ['left out', [1, 3]],
  ['sent twice', [1, 1]],
  ['counted from 0', [0, 1]],
] as const) {
  test(`a part that is ${title} is a ProtocolError, after what was right`, () =>
    withMisbehavingServer(
      (id, { answer, notify }) => {
        answer({ status: 200, headers: [], bodyBase64: '' })
        for (const seq of seqs) notify(DELTA, part(id, seq, 'x'))
      },
      async (client) => {
        const { total, error } = await drain(await client.fetch('http://x/'))
        assert.is(total, seqs[0])
        assert.instance(error, ProtocolError)
        assert.is(client.state, 'connected')
      },
    ))
}

test('a part that is no base64, and an answer without a status, are ProtocolErrors', () => {
  let turn = 0
  return withMisbehavingServer(
    (id, { answer, notify }) => {
      if (turn++ > 0) return answer({ headers: [] })
      answer({ status: 200, headers: [] })
      return notify(DELTA, { ...part(id, 1, ''), deltaBase64: '!' })
    },
    async ({ fetch }) => {
      assert.instance((await drain(await fetch('http://x/'))).error, ProtocolError)
      assert.instance(await failure(fetch('http://x/')), ProtocolError)
    },
  )
})

test('many small parts at once do no harm to who reads them, and too many large ones are an error', () => {
  let size = 1
  return withMisbehavingServer(
    (id, { answer, notify }) => {
      answer({ status: 200, headers: [] })
      for (let seq = 1; seq <= 2000; seq++) notify(DELTA, part(id, seq, 'x'.repeat(size), { done: seq === 2000 }))
    },
    async ({ fetch, call }) => {
      // Answered behind all that was said before, so that all has come then.
      const allHaveCome = (): Promise<unknown> => call('environment/status', null)
      const response = await fetch('http://x/')
      await allHaveCome()
      assert.equal(await drain(response), { total: 2000, error: undefined })
      size = 10_000
      const unread = await fetch('http://x/')
      await allHaveCome()
      const { total, error } = await drain(unread)
      // Six of them in a piece.
      assert.is(total, 256 * 60_000)
      assert.match(error?.message ?? '', 'not read fast enough: 256 parts wait')
    },
    { limits: { holdMs: 100 } },
  )
})

test.run()
