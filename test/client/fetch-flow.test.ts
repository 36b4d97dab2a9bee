/** Response bodies that come faster than they are read, and those that nobody wants any more. */
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import { DisconnectedError } from '../../src/client/errors.ts'
import type { ExecClient } from '../../src/client/types.ts'
import { eventually, sleep } from '../support/server.ts'
import { test } from '../support/suite.ts'
import { head, pour, redirect, reply, Web } from '../support/web.ts'
import type { Serve } from '../support/web.ts'
import { startPlainRelay } from './support/plain-relay.ts'
import { startProxy } from './support/proxy.ts'
import { oursOnly, subjects } from './support/subject.ts'
import type { Subject } from './support/subject.ts'
import { drain, failure, pattern, withClient } from './support/with-client.ts'
import type { Scene, SceneOptions } from './support/with-client.ts'

const MiB = 1024 * 1024
const block = Buffer.from(pattern(MiB))

type Body = (client: ExecClient, web: Web, scene: Scene) => Promise<void>

async function withBoth(subject: Subject, serve: Serve, body: Body, options?: SceneOptions): Promise<void> {
  const web = await Web.start(serve)
  try {
    await withClient(subject, (scene) => body(scene.client, web, scene), options)
  } finally {
    await web.stop()
  }
}

/** The path says how many bytes. */
const serveBytes: Serve = ({ target }, socket) => {
  const total = Number(target.slice(1))
  socket.write(head(200, [['content-length', total]]))
  pour(socket, total, block)
}

/** The same at 35 MB a second. */
const serveSteadily: Serve = ({ target }, socket) => {
  let left = Number(target.slice(1))
  socket.write(head(200, [['content-length', left]]))
  const timer = setInterval(() => {
    const piece = block.subarray(0, left)
    if (!socket.destroyed) socket.write(piece)
    left -= piece.length
    if (left === 0 || socket.destroyed) clearInterval(timer)
  }, 30)
}

const digestOf = (total: number): string => {
  const hash = createHash('sha256')
  for (let at = 0; at < total; at += block.length) hash.update(block.subarray(0, total - at))
  return hash.digest('hex')
}

/** Takes so much, and rests. */
function slowSink(bytes: number, ms: number): { sink: WritableStream<Uint8Array>; digest(): string } {
  const hash = createHash('sha256')
  let taken = 0
  const sink = new WritableStream<Uint8Array>({
    write: async (piece) => {
      hash.update(piece)
      taken += piece.length
      if (taken < bytes) return
      taken = 0
      await sleep(ms)
    },
  })
  return { sink, digest: () => hash.digest('hex') }
}

const bodyOf = (response: Response): ReadableStream<Uint8Array<ArrayBuffer>> =>
  response.body as ReadableStream<Uint8Array<ArrayBuffer>>

/** Watches this program's memory, and tells by how much it grew at most. */
function watchMemory(): () => number {
  const before = process.memoryUsage().rss
  let most = before
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20)
  return () => {
    clearInterval(timer)
    return most - before
  }
}

const residentOf = (pid: number): number =>
  Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024

// ---- slow readers ----

for (const subject of subjects) {
  const { name, faults, isOurs } = subject
  if (faults.has('noHttp')) continue
  const total = isOurs ? 200 * MiB : 40 * MiB

  test(`${name}: ${total / MiB} MiB through a slow sink arrive whole, in flat memory`, () =>
    withBoth(subject, serveBytes, async ({ fetch }, web) => {
      await drain(await fetch(web.url(`/${30 * MiB}`)))
      const { sink, digest } = slowSink(MiB, isOurs ? 10 : 25)
      const growth = watchMemory()
      await bodyOf(await fetch(web.url(`/${total}`))).pipeTo(sink)
      assert.is(digest(), digestOf(total))
      const most = growth()
      assert.ok(most < 100 * MiB, `${Math.round(most / MiB)} MiB more`)
    }))

  test(`${name}: ${total / MiB} MiB from the web go into a file of the devbox`, () =>
    // A file that is written block by block makes calls, for which others must be read: they keep up with what is as fast as a network.
    withBoth(subject, isOurs ? serveBytes : serveSteadily, async ({ fetch, fs }, web, { folder }) => {
      const response = await fetch(web.url(`/${total}`))
      await bodyOf(response).pipeTo(fs.writeStream(`${folder}/large`))
      const hash = createHash('sha256')
      for await (const piece of createReadStream(`${folder}/large`)) hash.update(piece as Buffer)
      assert.is(hash.digest('hex'), digestOf(total))
    }))
}

test('many slow bodies at a time arrive whole', () =>
  withBoth(oursOnly, serveBytes, async ({ fetch }, web) => {
    const responses = await Promise.all(Array.from({ length: 100 }, () => fetch(web.url(`/${2 * MiB}`))))
    await sleep(1000)
    const digests = responses.map(async (response) => {
      const { sink, digest } = slowSink(64 * 1024, 30)
      await bodyOf(response).pipeTo(sink)
      return digest()
    })
    assert.equal(new Set(await Promise.all(digests)), new Set([digestOf(2 * MiB)]))
  }))

test('bodies that nobody reads stay where they are, and hold up neither other bodies, nor calls, nor processes', async () => {
  const server = await oursOnly.serve()
  const subject: Subject = { ...oursOnly, serve: async () => server }
  await withBoth(subject, serveBytes, async (client, web) => {
    await drain(await client.fetch(web.url(`/${30 * MiB}`)))
    const growth = watchMemory()
    const before = residentOf(server.pid)
    const unread = await Promise.all(Array.from({ length: 40 }, () => client.fetch(web.url(`/${20 * MiB}`))))
    await sleep(300)
    assert.equal(await drain(await client.fetch(web.url(`/${40 * MiB}`))), { total: 40 * MiB, error: undefined })
    const { stdout } = await client.run({ argv: ['head', '-c', '3000000', '/dev/zero'] })
    assert.is(stdout.length, 3_000_000)
    const [here, there] = [growth(), residentOf(server.pid) - before]
    assert.ok(here < 120 * MiB && there < 100 * MiB, `${here / MiB} MiB here, ${there / MiB} MiB there`)
    for (const response of unread) await response.body?.cancel()
    await eventually(() => web.closed >= 40)
  })
})

test('a body of many small parts goes on, whatever its window', () =>
  withBoth(
    oursOnly,
    (_, socket) => {
      socket.write(head(200, [['content-length', 3000]]))
      let left = 3000
      const timer = setInterval(() => {
        for (let turn = 0; turn < 3 && left > 0; turn++, left--) socket.write('x')
        if (left === 0 || socket.destroyed) clearInterval(timer)
      }, 1)
    },
    async ({ fetch }, web) => {
      const response = await fetch(web.url(), { timeoutMs: 15_000 })
      await sleep(1000)
      assert.equal(await drain(response), { total: 3000, error: undefined })
    },
  ))

// ---- servers that cannot be told ----

const plain: SceneOptions = { via: startPlainRelay }

test('without windows a slow reader holds the connection back, and loses nothing', () =>
  withBoth(
    oursOnly,
    serveBytes,
    async ({ fetch, extensions }, web) => {
      assert.is(extensions.size, 0)
      const { sink, digest } = slowSink(MiB, 25)
      await bodyOf(await fetch(web.url(`/${60 * MiB}`))).pipeTo(sink)
      assert.is(digest(), digestOf(60 * MiB))
    },
    plain,
  ))

test('without windows several slow readers do so together', () => {
  const pours: (() => void)[] = []
  return withBoth(
    oursOnly,
    (_, socket) => {
      socket.write(head(200, [['content-length', 10 * MiB]]))
      pours.push(() => pour(socket, 10 * MiB, block))
    },
    async ({ fetch }, web) => {
      const responses = await Promise.all(Array.from({ length: 6 }, () => fetch(web.url())))
      // While a call waits for its answer all is read.
      for (const begin of pours) begin()
      const digests = responses.map(async (response) => {
        const { sink, digest } = slowSink(MiB, 200)
        await bodyOf(response).pipeTo(sink)
        return digest()
      })
      assert.equal(new Set(await Promise.all(digests)), new Set([digestOf(10 * MiB)]))
    },
    plain,
  )
})

test('without windows a reader that takes nothing is not waited for, and its end is one for the connection, too', () =>
  withBoth(
    oursOnly,
    serveBytes,
    async ({ fetch, run }, web) => {
      const unread = await fetch(web.url(`/${40 * MiB}`))
      await eventually(() => web.written >= 40 * MiB, 10_000, 'the end of what the peer has to say')
      await sleep(500)
      const { total, error } = await drain(unread)
      assert.ok(total > 8 * MiB && total <= 16 * MiB, `${total} bytes came`)
      assert.match(error?.message ?? '', 'was not read fast enough')
      for (const end of ['cancelled', 'aborted'] as const) {
        const controller = new AbortController()
        const response = await fetch(web.url(`/${40 * MiB}`), { signal: controller.signal })
        await sleep(100)
        if (end === 'cancelled') await response.body?.cancel()
        else controller.abort()
        assert.is((await run({ argv: ['echo', 'x'] })).exitCode, 0)
      }
      assert.equal(await drain(await fetch(web.url(`/${40 * MiB}`))), { total: 40 * MiB, error: undefined })
    },
    { ...plain, limits: { holdMs: 500 } },
  ))

test('without windows the bound is one for all bodies together, and what is read, cancelled or aborted makes room', () =>
  withBoth(
    oursOnly,
    (_, socket) => socket.write(reply(block.subarray(0, 700_000))),
    async ({ fetch }, web) => {
      const get = async (signal?: AbortSignal): Promise<Response> => {
        const response = await fetch(web.url(), { signal: signal ?? null })
        await sleep(100)
        return response
      }
      // Two at a time fit.
      const [first, second, third] = [await get(), await get(), await get()]
      assert.match((await drain(third)).error?.message ?? '', 'more than 1500000 bytes of responses wait')
      assert.equal(await drain(first), { total: 700_000, error: undefined })
      assert.equal(await drain(second), { total: 700_000, error: undefined })
      for (let turn = 0; turn < 4; turn++) await (await get()).body?.cancel()
      const controller = new AbortController()
      for (let turn = 0; turn < 2; turn++) await get(controller.signal)
      controller.abort()
      const again = [await get(), await get()]
      for (const response of again) assert.equal(await drain(response), { total: 700_000, error: undefined })
    },
    { ...plain, limits: { httpQueuedTotal: 1_500_000, holdMs: 20 } },
  ))

// ---- what nobody wants ----

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

test('a response that is thrown away unread gives its room back', () =>
  withBoth(
    oursOnly,
    (_, socket) => socket.write(reply(block.subarray(0, 700_000))),
    async ({ fetch }, web) => {
      const get = async (): Promise<Response> => {
        const response = await fetch(web.url())
        await sleep(100)
        return response
      }
      for (let turn = 0; turn < 6; turn++) {
        await get()
        collect()
        await sleep(10)
      }
      assert.equal(await drain(await get()), { total: 700_000, error: undefined })
    },
    { ...plain, limits: { httpQueuedTotal: 1_500_000, holdMs: 20 } },
  ))

/** Ways to want a request no more. Each is given its URL, and what fetches it. */
const endings: [string, (client: ExecClient, url: (path: string) => string) => Promise<void>][] = [
  [
    'an abort before its head',
    async ({ fetch }, url) => {
      const controller = new AbortController()
      const call = failure(fetch(url('/silent'), { signal: controller.signal }))
      await sleep(200)
      controller.abort(new Error('enough'))
      assert.is((await call).message, 'enough')
    },
  ],
  [
    'a deadline before its head',
    async ({ fetch }, url) => {
      assert.is((await failure(fetch(url('/silent'), { signal: AbortSignal.timeout(200) }))).name, 'TimeoutError')
    },
  ],
  [
    'an abort while its body comes',
    async ({ fetch }, url) => {
      const controller = new AbortController()
      const reading = failure((await fetch(url('/endless'), { signal: controller.signal })).text())
      await sleep(100)
      controller.abort(new Error('enough'))
      assert.is((await reading).message, 'enough')
    },
  ],
  ['a cancel of its body', async ({ fetch }, url) => void (await (await fetch(url('/half'))).body?.cancel())],
  [
    'a reader that leaves',
    async ({ fetch }, url) => {
      for await (const _ of bodyOf(await fetch(url('/endless')))) break
    },
  ],
  [
    'a redirect that is an error',
    async ({ fetch }, url) => void (await failure(fetch(url('/away'), { redirect: 'error' }))),
  ],
  [
    'the garbage collector',
    async ({ fetch }, url) => {
      await (async () => void (await fetch(url('/endless'))))()
      for (let turn = 0; turn < 10; turn++) {
        await sleep(20)
        collect()
      }
    },
  ],
  [
    'its own timeout',
    async ({ fetch }, url) => void (await failure((await fetch(url('/endless'), { timeoutMs: 300 })).text())),
  ],
]

for (const [what, end] of endings) {
  test(`a request that is ended by ${what} is ended at the devbox, too`, () =>
    withBoth(
      oursOnly,
      ({ target }, socket) => {
        if (target === '/half') socket.write(`${head(200, [['content-length', 10]])}half`)
        if (target === '/endless') pour((socket.write(head(200)), socket), 1024 * MiB, block)
        if (target === '/away') socket.write(redirect('/').subarray(0, -1))
        if (target === '/whole') socket.write(reply('whole'))
      },
      async (client, web) => {
        await end(client, (path) => web.url(path))
        await eventually(() => web.closed === 1, 5000, 'the end of the connection')
        assert.is(web.asked.length, 1)
        assert.is(await (await client.fetch(web.url('/whole'))).text(), 'whole')
      },
    ))
}

test('what has come whole is not cancelled: its connection is used again', () =>
  withBoth(
    oursOnly,
    (_, socket) => socket.write(reply('whole')),
    async ({ fetch }, web) => {
      for (let turn = 0; turn < 3; turn++) {
        const controller = new AbortController()
        const response = await fetch(web.url(), { signal: controller.signal })
        await sleep(100)
        if (turn === 0) controller.abort()
        else if (turn === 1) await response.body?.cancel()
        else assert.is(await response.text(), 'whole')
      }
      assert.equal([web.connections, web.closed], [1, 0])
    },
  ))

test('a request that waited for its place while the connection was lost goes by the next one, and is whole', async () => {
  let cut = (): void => {}
  const via = async (url: string) => {
    const proxy = await startProxy(url)
    cut = () => proxy.cut(100)
    return proxy
  }
  await withBoth(
    oursOnly,
    ({ target }, socket) => {
      if (target === '/whole') socket.write(reply('whole'))
    },
    async ({ fetch }, web) => {
      const silent = failure(fetch(web.url('/silent')))
      await eventually(() => web.asked.length === 1)
      const waiting = fetch(web.url('/whole'))
      cut()
      assert.instance(await silent, DisconnectedError)
      assert.is(await (await waiting).text(), 'whole')
    },
    { via, limits: { callsInFlight: 1 } },
  )
})

test.run()
