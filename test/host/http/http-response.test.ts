import { Buffer } from 'node:buffer'
import { brotliCompressSync, constants, createGzip, createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import type { HttpRequest, HttpResponse } from '../../../src/core/base/host.ts'
import { httpClient } from '../../../src/host/http/http-client.ts'
import { openPolicy } from '../../../src/host/http/http-policy.ts'
import { HTTP_ZSTD_BODIES } from '../../../src/host/limits.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isDeno } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { standstill } from '../../support/web/http.ts'
import { head, pour, reply, valueOf, Web } from '../../support/web/web.ts'
import type { Serve } from '../../support/web/web.ts'

const test = suite('HTTP responses')
const onNode = isDeno ? test.skip : test

type Answer = HttpResponse & { text(): Promise<string>; header(name: string): string | undefined }

/** A web server, and requests to it. */
async function site(serve: Serve) {
  const web = await Web.start(serve)
  const send = httpClient(openPolicy)
  const gone = new AbortController()
  atEnd(() => gone.abort())
  const get = async (more: Partial<HttpRequest> = {}): Promise<Answer> => {
    const request = { method: 'GET', url: new URL(web.url()), headers: [], body: undefined, ...more }
    const response = await send(request, gone.signal)
    const header = (wanted: string) => response.headers.find(({ name }) => name === wanted)?.value
    return { ...response, header, text: async () => (await all(response)).toString() }
  }
  return { web, get }
}

async function all({ read }: HttpResponse): Promise<Buffer> {
  const pieces = []
  for (let piece = await read(); piece !== undefined; piece = await read()) pieces.push(piece)
  return Buffer.concat(pieces)
}

const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: Error) => error.message,
  )

const TEXT = 'much the same, '.repeat(10_000)
const CODINGS = isDeno ? (['gzip'] as const) : (['gzip', 'zstd'] as const)
const encode = {
  gzip: gzipSync,
  zstd: (text: string) => zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
}

test('codings are announced, unless the request does it, and such a body is decoded and has neither coding nor length', async () => {
  for (const coding of CODINGS) {
    const { web, get } = await site((_, socket) =>
      socket.write(reply(encode[coding](TEXT), [['content-encoding', coding]])),
    )
    for (const own of [undefined, 'identity']) {
      const answer = await get(own === undefined ? {} : { headers: [{ name: 'accept-encoding', value: own }] })
      assert.is(await answer.text(), TEXT)
      assert.equal([answer.header('content-encoding'), answer.header('content-length')], [undefined, undefined])
      assert.is(valueOf(web.last, 'accept-encoding'), own ?? (isDeno ? 'gzip' : 'zstd,gzip'))
    }
    assert.is(web.connections, 1, 'the connection is used again')
  }
})

test('a body in no coding, another or several is passed on as it is, with its headers', async () => {
  for (const [coding, body] of [
    ['br', brotliCompressSync(TEXT)],
    ['identity', Buffer.from(TEXT)],
    ['gzip, gzip', gzipSync(gzipSync(TEXT))],
    ['', Buffer.from(TEXT)],
  ] as const) {
    const { get } = await site((_, socket) => socket.write(reply(body, [['content-encoding', coding]])))
    const answer = await get()
    assert.is(answer.header('content-encoding'), coding)
    assert.is(answer.header('content-length'), String(body.length))
    assert.ok((await all(answer)).equals(body), coding)
  }
  const { get } = await site((_, socket) =>
    socket.write(
      reply(gzipSync(gzipSync(TEXT)), [
        ['content-encoding', 'gzip'],
        ['Content-Encoding', 'gzip'],
      ]),
    ),
  )
  assert.ok((await all(await get())).equals(gzipSync(gzipSync(TEXT))))
})

test('a coding is known in capitals and by its old name, and in several parts', async () => {
  for (const coding of ['GZIP', 'x-gzip', ' gzip ']) {
    const body = Buffer.concat([gzipSync(TEXT), gzipSync('more'), Buffer.alloc(8)])
    const { get } = await site((_, socket) => socket.write(reply(body, [['content-encoding', coding]])))
    assert.is(await (await get()).text(), `${TEXT}more`)
  }
})

onNode('a zstd body may have several parts', async () => {
  const body = Buffer.concat([zstdCompressSync(TEXT), zstdCompressSync('more')])
  const { get } = await site((_, socket) => socket.write(reply(body, [['content-encoding', 'zstd']])))
  assert.is(await (await get()).text(), `${TEXT}more`)
})

test('a response without a body has none, whatever coding it has', async () => {
  for (const coding of CODINGS) {
    const headers = [
      ['content-encoding', coding],
      ['content-length', 99],
    ] as const
    for (const [method, answer] of [
      ['HEAD', head(200, headers)],
      ['GET', head(204, headers.slice(0, 1))],
      ['GET', head(304, headers)],
      ['GET', reply('', headers.slice(0, 1))],
    ] as const) {
      const { get } = await site((_, socket) => socket.write(answer))
      assert.is(await (await get({ method })).text(), '')
    }
  }
})

test('a body that is broken, cut or followed by something is an error', async () => {
  for (const coding of CODINGS) {
    const whole = encode[coding](TEXT)
    const broken = Buffer.from(whole)
    broken[whole.length >> 1] = (broken[whole.length >> 1] as number) ^ 0xff
    for (const [what, body] of Object.entries({
      plain: Buffer.from('no such coding'),
      broken,
      cut: whole.subarray(0, -3),
      begun: whole.subarray(0, 3),
      followed: Buffer.concat([whole, Buffer.from('and more')]),
    })) {
      const { get } = await site((_, socket) => socket.write(reply(body, [['content-encoding', coding]])))
      assert.is.not(await failure((await get()).text()), 'none', `${coding}, ${what}`)
    }
  }
})

test('a connection that breaks off is an error, even after the last byte of the coding', async () => {
  for (const coding of CODINGS) {
    const { get } = await site((_, socket) => {
      socket.write(
        head(200, [
          ['content-encoding', coding],
          ['transfer-encoding', 'chunked'],
        ]),
      )
      const body = encode[coding](TEXT)
      socket.write(`${body.length.toString(16)}\r\n`)
      socket.end(Buffer.concat([body, Buffer.from('\r\n')]))
    })
    assert.is.not(await failure((await get()).text()), 'none')
  }
})

test('what the server flushes is read before the server goes on', async () => {
  for (const coding of CODINGS) {
    const encoder = coding === 'gzip' ? createGzip() : createZstdCompress()
    const flush = coding === 'gzip' ? constants.Z_SYNC_FLUSH : constants.ZSTD_e_flush
    const { get } = await site((_, socket) => {
      socket.write(head(200, [['content-encoding', coding]]))
      encoder.pipe(socket)
    })
    const { read } = await get()
    for (const event of ['data: one\n\n', 'data: two\n\n']) {
      encoder.write(event)
      encoder.flush(flush)
      assert.is(Buffer.from((await read()) ?? []).toString(), event)
    }
    encoder.end('end')
    assert.is(Buffer.from((await read()) ?? []).toString(), 'end')
    assert.is(await read(), undefined)
  }
})

test('a decoded body that is not read holds the server back, and is given up with its connection', async () => {
  const block = gzipSync(Buffer.alloc(1 << 20), { level: 0 })
  let poured = () => 0
  const { web, get } = await site((_, socket) => {
    socket.write(head(200, [['content-encoding', 'gzip']]))
    poured = pour(socket, 64 * block.length, block)
  })
  const answer = await get()
  await answer.read()
  assert.ok((await standstill(poured)) < 48 * block.length)
  answer.cancel()
  await eventually(() => web.closed === 1)
  assert.is.not(await failure(answer.text()), 'none')
})

onNode('a zstd body that needs a window over 8 MiB is an error', async () => {
  /** No content size; the window's exponent; a last, uncompressed block of one byte. */
  const frame = (log: number): Buffer => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, 9, 0, 0, 97])
  for (const [log, expected] of [
    [23, 'none'],
    [24, 'Frame requires too much memory for decoding'],
    [41, 'Frame requires too much memory for decoding'],
  ] as const) {
    const { get } = await site((_, socket) => socket.write(reply(frame(log), [['content-encoding', 'zstd']])))
    assert.is(await failure((await get()).text()), expected)
  }
})

onNode('zstd is announced to a number of servers at a time, which each end of a request makes free', async () => {
  const { web, get } = await site((asked, socket) => {
    const way = valueOf(asked, 'way')
    if (way === 'upgrade')
      socket.write(
        head(101, [
          ['upgrade', 'x'],
          ['connection', 'upgrade'],
        ]),
      )
    if (way === 'reset') socket.destroy()
    if (way === 'plain') socket.write(reply('plain'))
    if (way === 'gzip') socket.write(reply(gzipSync('zipped'), [['content-encoding', 'gzip']]))
    if (way === 'broken') socket.write(reply('zipped', [['content-encoding', 'zstd']]))
    if (way === 'cancelled' || way === 'late') {
      socket.write(head(200, [['content-encoding', 'zstd']]))
      if (way === 'cancelled') socket.write(zstdCompressSync(TEXT))
    }
  })
  const ask = async (way: string): Promise<Answer> => get({ headers: [{ name: 'way', value: way }] })
  const announced = async (): Promise<string | undefined> => {
    await (await ask('plain')).text()
    return valueOf(web.last, 'accept-encoding')
  }
  for (const way of ['upgrade', 'reset', 'plain', 'gzip', 'broken', 'cancelled']) {
    for (let round = 0; round < HTTP_ZSTD_BODIES; round++) {
      const answer = await ask(way).catch(() => undefined)
      if (way === 'cancelled') answer?.cancel()
      await answer?.text().catch(() => {})
    }
    await eventually(async () => (await announced()) === 'zstd,gzip')
  }
  const held = await Promise.all(Array.from({ length: HTTP_ZSTD_BODIES }, () => ask('late')))
  assert.is(await announced(), 'gzip')
  const { headers, text } = await ask('broken')
  assert.is(await text(), 'zipped')
  assert.ok(headers.some(({ value }) => value === 'zstd'))
  for (const { cancel } of held) cancel()
  await eventually(async () => (await announced()) === 'zstd,gzip')
})

test('a head may have 512 KiB, and any number of headers', async () => {
  const long = ['x-long', 'l'.repeat(500 * 1024)] as const
  const { get } = await site((_, socket) => socket.write(reply('ok', [long])))
  assert.is((await get()).header('x-long')?.length, 500 * 1024)
  const many = Array.from({ length: 3000 }, (_, index) => [`x-${index}`, 'y'] as const)
  const other = await site((_, socket) => socket.write(reply('ok', many)))
  assert.is((await other.get()).headers.filter(({ name }) => name.startsWith('x-')).length, 3000)
})

test('port 0 is refused, and is never the default port', async () => {
  const { get } = await site((_, socket) => socket.write(reply('ok')))
  for (const url of ['http://127.0.0.1:0/', 'https://127.0.0.1:0/'])
    assert.match(await failure(get({ url: new URL(url) })), /port 0/, url)
})

test.run()
