/** Response bodies that come faster than they are read, and those that nobody wants any more. */
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import { DisconnectedError } from '../../../src/client/base/errors.ts'
import type { ExecClient } from '../../../src/client/base/types.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, sleep } from '../../support/server.ts'
import { suite, test } from '../../support/suite.ts'
import { head, pour, redirect, reply, Web } from '../../support/web/web.ts'
import type { Serve } from '../../support/web/web.ts'
import { startPlainRelay } from './support/plain-relay.ts'
import type { PlainRelay } from './support/plain-relay.ts'
import { startProxy } from './support/proxy.ts'
import type { Proxy } from './support/proxy.ts'
import { sharing } from './support/shared-server.ts'
import { roundTrip, whenIdle } from './support/when-idle.ts'
import { oursOnly, subjects } from './support/subject.ts'
import type { Subject } from './support/subject.ts'
import { drain, failure, pattern, withClient } from './support/with-client.ts'
import type { Scene, SceneOptions } from './support/with-client.ts'

const MiB = 1024 * 1024
const block = Buffer.from(pattern(MiB))
const ours = sharing(test, oursOnly)

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

/** Takes so much, and rests for so long: slower than the web, whose bytes the kernel takes in at some GiB a second. */
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
  atEnd(() => clearInterval(timer))
  return () => {
    clearInterval(timer)
    return most - before
  }
}

const residentOf = (pid: number): number =>
  Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024

// ---- slow readers ----

/** 200 MiB take a busy machine long. */
const long = suite('long bodies', { limitMs: 240_000 })

for (const subject of subjects) {
  const { name, faults, isOurs } = subject
  if (faults.has('noHttp')) continue
  const total = isOurs ? 200 * MiB : 40 * MiB
  const few = 20 * MiB

  long.full(`${name}: ${total / MiB} MiB through a slow sink arrive whole, in flat memory`, () =>
    withBoth(subject, serveBytes, async ({ fetch }, web) => {
      await drain(await fetch(web.url(`/${30 * MiB}`)))
      const { sink, digest } = slowSink(MiB, isOurs ? 10 : 25)
      const growth = watchMemory()
      await bodyOf(await fetch(web.url(`/${total}`))).pipeTo(sink)
      assert.is(digest(), digestOf(total))
      const most = growth()
      assert.ok(most < 100 * MiB, `${Math.round(most / MiB)} MiB more`)
    }),
  )

  // A file that is written block by block makes calls, for which others must be read: they keep up with what is as fast as a network.
  const intoFile = (total: number) => (): Promise<void> =>
    withBoth(subject, isOurs ? serveBytes : serveSteadily, async ({ fetch, fs }, web, { folder }) => {
      const response = await fetch(web.url(`/${total}`))
      await bodyOf(response).pipeTo(fs.writeStream(`${folder}/large`))
      const hash = createHash('sha256')
      for await (const piece of createReadStream(`${folder}/large`)) hash.update(piece as Buffer)
      assert.is(hash.digest('hex'), digestOf(total))
    })
  long.full(`${name}: ${total / MiB} MiB from the web go into a file of the devbox`, intoFile(total))
  // More than all windows and what may wait.
  long(`${name}: ${few / MiB} MiB from the web go into a file of the devbox`, intoFile(few))

  long(`${name}: ${few / MiB} MiB through a slow sink arrive whole`, () =>
    withBoth(subject, serveBytes, async ({ fetch }, web) => {
      const { sink, digest } = slowSink(MiB, 10)
      await bodyOf(await fetch(web.url(`/${few}`))).pipeTo(sink)
      assert.is(digest(), digestOf(few))
    }),
  )
}
long.run()

const manySlowBodies = (count: number, bytes: number) => (): Promise<void> =>
  withBoth(ours, serveBytes, async (client, web) => {
    const responses = await Promise.all(Array.from({ length: count }, () => client.fetch(web.url(`/${bytes}`))))
    await whenIdle(client, () => web.written)
    const digests = responses.map(async (response) => {
      const { sink, digest } = slowSink(64 * 1024, 30)
      await bodyOf(response).pipeTo(sink)
      return digest()
    })
    assert.equal(new Set(await Promise.all(digests)), new Set([digestOf(bytes)]))
  })
test.full('many slow bodies at a time arrive whole, 200 MiB of them', manySlowBodies(100, 2 * MiB))
test('many slow bodies at a time arrive whole', manySlowBodies(50, MiB / 2))

test('unread bodies stay on the devbox, and block neither other bodies, nor calls, nor processes', async () => {
  const server = await oursOnly.serve()
  const subject: Subject = { ...oursOnly, serve: async () => server }
  await withBoth(subject, serveBytes, async (client, web) => {
    await drain(await client.fetch(web.url(`/${16 * MiB}`)))
    const growth = watchMemory()
    const before = residentOf(server.pid)
    const unread = await Promise.all(Array.from({ length: 40 }, () => client.fetch(web.url(`/${20 * MiB}`))))
    await whenIdle(client, () => web.written)
    assert.equal(await drain(await client.fetch(web.url(`/${20 * MiB}`))), { total: 20 * MiB, error: undefined })
    const { stdout } = await client.run({ argv: ['head', '-c', '3000000', '/dev/zero'] })
    assert.is(stdout.length, 3_000_000)
    const [here, there] = [growth(), residentOf(server.pid) - before]
    assert.ok(here < 120 * MiB && there < 100 * MiB, `${here / MiB} MiB here, ${there / MiB} MiB there`)
    for (const response of unread) await response.body?.cancel()
    await eventually(() => web.closed >= 40, 30_000)
  })
})

test('a body of many small parts goes on, whatever its window', () => {
  const total = 3000
  let left = total
  return withBoth(
    ours,
    (_, socket) => {
      socket.write(head(200, [['content-length', total]]))
      const timer = setInterval(() => {
        for (let turn = 0; turn < 3 && left > 0; turn++, left--) socket.write('x')
        if (left === 0 || socket.destroyed) clearInterval(timer)
      }, 1)
    },
    async ({ fetch }, web) => {
      const response = await fetch(web.url())
      await eventually(() => left <= total / 2, 60_000, 'half of it')
      assert.equal(await drain(response), { total, error: undefined })
    },
  )
})

// ---- servers that cannot be told ----

/** The way by a relay that hides the extensions, and a look at the latest one. */
let relay: PlainRelay
const plain: SceneOptions = { via: async (url) => (relay = await startPlainRelay(url)) }
/** Said with the last part of a body. */
const LAST = '"done":true'

const slowReader = (total: number) => (): Promise<void> =>
  withBoth(
    ours,
    serveBytes,
    async ({ fetch, extensions }, web) => {
      assert.is(extensions.size, 0)
      const { sink, digest } = slowSink(MiB, 25)
      await bodyOf(await fetch(web.url(`/${total}`))).pipeTo(sink)
      assert.is(digest(), digestOf(total))
    },
    plain,
  )
test.full('without windows a slow reader holds the connection back, and loses nothing of 60 MiB', slowReader(60 * MiB))
// Half as much again as may wait for a reader.
test('without windows a slow reader holds the connection back, and loses nothing', slowReader(24 * MiB))

const slowReaders = (bytes: number, restMs: number) => (): Promise<void> => {
  const pours: (() => void)[] = []
  return withBoth(
    ours,
    (_, socket) => {
      socket.write(head(200, [['content-length', bytes]]))
      pours.push(() => pour(socket, bytes, block))
    },
    async ({ fetch }, web) => {
      const responses = await Promise.all(Array.from({ length: 6 }, () => fetch(web.url())))
      // While a call waits for its answer all is read.
      for (const begin of pours) begin()
      const digests = responses.map(async (response) => {
        const { sink, digest } = slowSink(MiB, restMs)
        await bodyOf(response).pipeTo(sink)
        return digest()
      })
      assert.equal(new Set(await Promise.all(digests)), new Set([digestOf(bytes)]))
    },
    plain,
  )
}
test.full('without windows several slow readers do so together, with 60 MiB', slowReaders(10 * MiB, 200))
test('without windows several slow readers do so together', slowReaders(4 * MiB, 50))

test('without windows a reader that takes nothing is not waited for, and its end is one for the connection, too', () =>
  withBoth(
    ours,
    serveBytes,
    async (client, web) => {
      const { fetch, run } = client
      const unread = await fetch(web.url(`/${24 * MiB}`))
      await relay.passed(LAST)
      await roundTrip(client)
      const { total, error } = await drain(unread)
      assert.ok(total > 8 * MiB && total <= 16 * MiB, `${total} bytes came`)
      assert.match(error?.message ?? '', 'was not read fast enough')
      for (const end of ['cancelled', 'aborted'] as const) {
        const controller = new AbortController()
        const before = relay.forwarded
        const response = await fetch(web.url(`/${24 * MiB}`), { signal: controller.signal })
        // A quarter of what may wait, as base64: from there on the connection is held back.
        await eventually(() => relay.forwarded - before > 6 * MiB, 30_000, 'a connection that is held back')
        if (end === 'cancelled') await response.body?.cancel()
        else controller.abort()
        assert.is((await run({ argv: ['echo', 'x'] })).exitCode, 0)
      }
      assert.equal(await drain(await fetch(web.url(`/${24 * MiB}`))), { total: 24 * MiB, error: undefined })
    },
    { ...plain, limits: { holdMs: 200 } },
  ))

test('without windows the bound is one for all bodies together, and what is read, cancelled or aborted makes room', () =>
  withBoth(
    ours,
    (_, socket) => socket.write(reply(block.subarray(0, 700_000))),
    async (client, web) => {
      const get = async (signal?: AbortSignal): Promise<Response> => {
        const all = relay.passed(LAST)
        const response = await client.fetch(web.url(), { signal: signal ?? null })
        await all
        await roundTrip(client)
        return response
      }
      // Two at a time fit.
      const [first, second, third] = [await get(), await get(), await get()]
      assert.match((await drain(third)).error?.message ?? '', 'more than 1500000 bytes of such streams wait')
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
    ours,
    (_, socket) => socket.write(reply(block.subarray(0, 700_000))),
    async (client, web) => {
      const get = async (): Promise<Response> => {
        const all = relay.passed(LAST)
        const response = await client.fetch(web.url())
        await all
        await roundTrip(client)
        return response
      }
      const getAndForget = async (): Promise<WeakRef<object>> => new WeakRef(bodyOf(await get()))
      for (let turn = 0; turn < 6; turn++) {
        const body = await getAndForget()
        await eventually(() => (collect(), body.deref() === undefined), 10_000, 'the end of an unread body')
      }
      assert.equal(await drain(await get()), { total: 700_000, error: undefined })
    },
    { ...plain, limits: { httpQueuedTotal: 1_500_000, holdMs: 20 } },
  ))

const isAsked = (web: Web): Promise<void> => eventually(() => web.asked.length === 1, 30_000, 'the request')

/** Ways to want a request no more. */
const endings: [string, (client: ExecClient, web: Web) => Promise<void>][] = [
  [
    'an abort before its head',
    async ({ fetch }, web) => {
      const controller = new AbortController()
      const call = failure(fetch(web.url('/silent'), { signal: controller.signal }))
      await isAsked(web)
      controller.abort(new Error('enough'))
      assert.is((await call).message, 'enough')
    },
  ],
  [
    'a deadline before its head',
    async ({ fetch }, web) => {
      const controller = new AbortController()
      const call = failure(fetch(web.url('/silent'), { signal: controller.signal }))
      await isAsked(web)
      // One that begins only now, so that it is always after the request.
      const deadline = AbortSignal.timeout(1)
      deadline.addEventListener('abort', () => controller.abort(deadline.reason))
      assert.is((await call).name, 'TimeoutError')
    },
  ],
  [
    'an abort while its body comes',
    async ({ fetch }, web) => {
      const controller = new AbortController()
      const reading = failure((await fetch(web.url('/endless'), { signal: controller.signal })).text())
      await eventually(() => web.written > 16 * MiB, 30_000, 'more than fits on the way')
      controller.abort(new Error('enough'))
      assert.is((await reading).message, 'enough')
    },
  ],
  ['a cancel of its body', async ({ fetch }, web) => void (await (await fetch(web.url('/half'))).body?.cancel())],
  [
    'a reader that leaves',
    async ({ fetch }, web) => {
      for await (const _ of bodyOf(await fetch(web.url('/endless')))) break
    },
  ],
  [
    'a redirect that is an error',
    async ({ fetch }, web) => void (await failure(fetch(web.url('/away'), { redirect: 'error' }))),
  ],
  [
    'the garbage collector',
    async ({ fetch }, web) => {
      await (async () => void (await fetch(web.url('/endless'))))()
      await eventually(() => (collect(), web.closed === 1), 10_000, 'the end of what nobody can read')
    },
  ],
  [
    'its own timeout',
    // Long enough for the request to get to the web by then.
    async ({ fetch }, web) => void (await failure((await fetch(web.url('/endless'), { timeoutMs: 1000 })).text())),
  ],
]

for (const [what, end] of endings) {
  test(`a request that is ended by ${what} is ended at the devbox, too`, () =>
    withBoth(
      ours,
      ({ target }, socket) => {
        if (target === '/half') socket.write(`${head(200, [['content-length', 10]])}half`)
        if (target === '/endless') pour((socket.write(head(200)), socket), 1024 * MiB, block)
        if (target === '/away') socket.write(redirect('/').subarray(0, -1))
        if (target === '/whole') socket.write(reply('whole'))
      },
      async (client, web) => {
        await end(client, web)
        await eventually(() => web.closed === 1, 30_000, 'the end of the connection')
        assert.is(web.asked.length, 1)
        assert.is(await (await client.fetch(web.url('/whole'))).text(), 'whole')
      },
    ))
}

test('what has come whole is not cancelled: its connection is used again', () => {
  let proxy: Proxy | undefined
  const via = async (url: string): Promise<Proxy> => (proxy = await startProxy(url))
  return withBoth(
    ours,
    (_, socket) => socket.write(reply('whole')),
    async (client, web) => {
      for (let turn = 0; turn < 3; turn++) {
        const controller = new AbortController()
        const all = proxy?.passed(LAST)
        const response = await client.fetch(web.url(), { signal: controller.signal })
        await all
        await roundTrip(client)
        if (turn === 0) controller.abort()
        else if (turn === 1) await response.body?.cancel()
        else assert.is(await response.text(), 'whole')
      }
      assert.equal([web.connections, web.closed], [1, 0])
    },
    { via },
  )
})

test('a request that waited for its place while the connection was lost goes by the next one, and is whole', async () => {
  let cut = (): void => {}
  const via = async (url: string) => {
    const proxy = await startProxy(url)
    cut = () => proxy.cut(1)
    return proxy
  }
  await withBoth(
    ours,
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
