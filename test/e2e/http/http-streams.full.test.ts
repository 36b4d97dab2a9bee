/** Streamed bodies of http/request, with real web servers on this machine. */
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import process from 'node:process'
import { gzipSync } from 'node:zlib'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import type { Answer } from '../../support/client.ts'
import {
  ask,
  bodyOf,
  deltasOf,
  endOf,
  household,
  MiB,
  openFiles,
  readByPeer,
  resident,
  standstill,
  stream,
  textOf,
} from '../../support/web/http.ts'
import type { Delta } from '../../support/web/http.ts'
import { eventually, sleep } from '../../support/server.ts'
import { head, pour, reply, Web } from '../../support/web/web.ts'

// The memory test moves half a gigabyte.
const house = household('http/request: streams', {}, { limitMs: 240_000 })
const { test } = house
const block = Buffer.from(Array.from({ length: 256 * 1024 }, (_, index) => (index * 7919) % 251))

test('the answer comes before the first delta, the deltas in dense order, within the bound, with one end', async () => {
  const total = 12 * MiB + 5
  house.serve((_, socket) => {
    socket.write(
      head(200, [
        ['x-a', 'b'],
        ['content-length', total],
      ]),
    )
    pour(socket, total, block)
  })
  const { result } = await stream(house.client, 'é"', house.web.url())
  assert.equal([result.status, result.bodyBase64, result.headers[0]], [200, '', { name: 'x-a', value: 'b' }])
  await endOf(house.client, 'é"')
  const answerAt = house.client.messages.findIndex((text) => text.includes('"x-a"'))
  assert.ok(house.client.messages.findIndex((text) => text.includes('bodyDelta')) > answerAt)
  const deltas = deltasOf(house.client, 'é"')
  assert.ok(deltas.every(({ seq, done }, index) => seq === index + 1 && done === (index === deltas.length - 1)))
  assert.ok(deltas.every(({ deltaBase64 }) => Buffer.byteLength(deltaBase64, 'base64') <= 512 * 1024))
  assert.equal([deltas.at(-1)?.deltaBase64, deltas.at(-1)?.error], ['', null])
  const body = bodyOf(house.client, 'é"')
  assert.is(body.length, total)
  for (let at = 0; at < total; at += block.length) {
    assert.ok(body.subarray(at, at + block.length).equals(block.subarray(0, Math.min(block.length, total - at))))
  }
})

test('pieces come as soon as they are there', async () => {
  let socketOf: Socket | undefined
  house.serve((_, socket) => {
    socketOf = socket
    socket.write(head(200, [['content-type', 'text/event-stream']]))
  })
  await stream(house.client, 'events', house.web.url())
  for (let count = 1; count <= 5; count++) {
    socketOf?.write(`data: ${count}\n\n`)
    await house.client.until(() => bodyOf(house.client, 'events').toString().endsWith(`data: ${count}\n\n`))
  }
  assert.is(deltasOf(house.client, 'events').length, 5)
  socketOf?.end()
  assert.is((await endOf(house.client, 'events')).error, null)
})

test('the id of a stream is taken until its end, on its own connection only', async () => {
  let finish = (): void => {}
  house.serve(({ target }, socket) => {
    if (target !== '/slow') return void socket.write(reply('quick'))
    socket.write(`${head(200, [['content-length', 4]])}sl`)
    finish = () => void socket.write('ow')
  })
  const [first, second] = await Promise.all([
    stream(house.client, 'id', house.web.url('/slow')),
    stream(house.client, 'id', house.web.url('/slow')),
  ])
  assert.ok(first.result)
  assert.equal(second.error, {
    code: -32602,
    message: 'http/request streamResponse requestId `id` is already active',
  })
  assert.is(textOf(await ask(house.client, house.web.url(), { requestId: 'id' })), 'quick')
  const other = await Client.connect(house.server.url)
  await stream(other, 'id', house.web.url())
  await endOf(other, 'id')
  assert.is(bodyOf(other, 'id').toString(), 'quick')
  await other.close()
  finish()
  await endOf(house.client, 'id')
  assert.is(bodyOf(house.client, 'id').toString(), 'slow')
  house.client.notifications.length = 0
  assert.ok((await stream(house.client, 'id', house.web.url())).result)
  await endOf(house.client, 'id')
  assert.equal(
    deltasOf(house.client, 'id').map(({ seq }) => seq),
    [1, 2],
  )
  // After one that failed, too.
  assert.ok((await stream(house.client, 'id', 'http://127.0.0.1:1/')).error)
  assert.ok((await stream(house.client, 'id', house.web.url())).result)
  await endOf(house.client, 'id')
})

async function runAtOnce(count: number): Promise<void> {
  const parts: (() => void)[] = []
  house.serve(({ target }, socket) => {
    socket.write(`${head(200, [['content-length', 40_000]])}`)
    parts.push(() => socket.write(target.slice(1).padEnd(40_000, '.')))
  })
  const answers = await Promise.all(
    Array.from({ length: count }, (_, index) => stream(house.client, `many-${index}`, house.web.url(`/${index}-`))),
  )
  assert.ok(answers.every(({ result }) => result?.status === 200))
  assert.is(parts.length, count)
  for (const part of parts) part()
  for (let index = 0; index < count; index++) {
    assert.is((await endOf(house.client, `many-${index}`)).error, null)
    assert.is(bodyOf(house.client, `many-${index}`).toString(), `${index}-`.padEnd(40_000, '.'))
  }
}

const AT_ONCE = 'streams run at once, each with its own bytes'
test(`60 ${AT_ONCE}`, () => runAtOnce(60))
test.full(`300 ${AT_ONCE}`, () => runAtOnce(300))

test('512 requests may be under way on a connection, one more is refused, and other methods are answered', async () => {
  house.serve(() => {})
  const other = await Client.connect(house.server.url)
  const answers: Answer[] = []
  for (let index = 0; index < 513; index++) {
    void other
      .ask('http/request', {
        method: 'GET',
        url: house.web.url(),
        requestId: `b${index}`,
        streamResponse: index % 2 === 0,
      })
      .then((answer) => answers.push(answer))
  }
  await eventually(() => answers.length > 0, 30_000, 'a refusal')
  assert.is(answers[0]?.error?.code, -32001)
  assert.ok((await other.ask('environment/status', {})).result)
  await eventually(() => house.web.asked.length === 512, 50_000, '512 requests')
  assert.is(answers.length, 1)
  house.serve((_, socket) => socket.write(reply('ok')))
  assert.is(textOf(await ask(house.client, house.web.url())), 'ok')
  await other.drop()
})

// ---- cancellation ----

test('when a client is gone its exchanges are broken off, answered or not, and nothing leaks', async () => {
  const web = await Web.start(({ target }, socket) => {
    if (target !== '/silent') socket.write(`${head(200, [['content-length', 10 * MiB]])}part`)
  })
  const { server } = house
  const round = async (count: number): Promise<void> => {
    const leaving = await Client.connect(server.url)
    const asked = web.asked.length
    for (let index = 0; index < count; index++) {
      const path = index % 4 === 0 ? '/silent' : '/part'
      void leaving.ask('http/request', {
        method: 'POST',
        url: web.url(path),
        requestId: `c${index}`,
        streamResponse: index % 2 === 0,
        timeoutMs: index % 3 === 0 ? 100_000 : null,
      })
    }
    await eventually(() => web.asked.length === asked + count, 30_000, 'all requests')
    await leaving.drop()
    await eventually(() => web.sockets.size === 0, 30_000, 'the end of all connections')
  }
  await round(24)
  const before = openFiles(server)
  for (let count = 0; count < 3; count++) await round(24)
  await eventually(() => openFiles(server) <= before + 2, 30_000, `${before} open files`)
  await web.stop()
})

test('who comes back finds the ids free and hears nothing of the old streams', async () => {
  let last: Socket | undefined
  house.serve((_, socket) => {
    last = socket
    socket.write(`${head(200, [['content-length', 100]])}part`)
  })
  const first = await Client.connect(house.server.url)
  await stream(first, 'same', house.web.url())
  await first.until(() => bodyOf(first, 'same').length === 4)
  const old = last
  await first.drop()
  await eventually(() => old?.destroyed === true, 30_000, 'the end of the old stream')
  const second = await Client.connect(house.server.url, first.sessionId)
  house.serve((_, socket) => socket.write(reply('new')))
  assert.ok((await stream(second, 'same', house.web.url())).result)
  await endOf(second, 'same')
  assert.equal(
    deltasOf(second, 'same').map(({ seq, deltaBase64 }) => [seq, deltaBase64]),
    [
      [1, btoa('new')],
      [2, ''],
    ],
  )
  await second.close()
})

// ---- backpressure ----

/** A request of another client, to and fro. */
const roundTrip = (): Promise<unknown> => house.client.request('environment/status', null)

/** A client that counts and hashes what it gets of a stream, and keeps none of it. */
async function counting(requestId: string) {
  const client = await Client.connect(house.server.url)
  const hash = createHash('sha256')
  const seen = { client, bytes: 0, deltas: 0, end: undefined as Delta | undefined, hash: () => hash.digest('hex') }
  const [receive] = client.socket.listeners('message') as ((data: Buffer) => void)[]
  client.socket.removeAllListeners('message')
  client.socket.on('message', (data: Buffer) => {
    const delta =
      /^\{"method":"http\/request\/bodyDelta","params":\{"requestId":"([^"]*)","seq":(\d+),"deltaBase64":"/.exec(
        data.subarray(0, 200).toString('latin1'),
      )
    if (delta === null || delta[1] !== requestId) return receive?.(data)
    const message = JSON.parse(data.toString('latin1')).params as Delta
    assert.is(message.seq, ++seen.deltas)
    if (message.done) seen.end = message
    const bytes = Buffer.from(message.deltaBase64, 'base64')
    seen.bytes += bytes.length
    hash.update(bytes)
  })
  return seen
}

test('a client that does not read holds back its own peer only; once it reads again everything arrives', async () => {
  // More than what may be taken of it.
  const total = 64 * MiB
  let written = (): number => 0
  house.serve(({ target }, socket) => {
    if (target !== '/large') return void socket.write(reply('ok'))
    socket.write(head(200, [['content-length', total]]))
    written = pour(socket, total, block)
  })
  const seen = await counting('large')
  assert.ok((await stream(seen.client, 'large', house.web.url('/large'))).result)
  seen.client.socket.pause()
  const before = await standstill(() => written(), roundTrip)
  // What the kernel's buffers of both connections take, and a little of ours.
  assert.ok(before < 48 * MiB, `${Math.round(before / MiB)} MiB taken of a body that nobody reads`)
  assert.is(textOf(await ask(house.client, house.web.url())), 'ok')
  seen.client.socket.resume()
  await eventually(() => seen.end !== undefined, 50_000, 'the end of the stream')
  assert.is(seen.end?.error, null)
  assert.is(seen.bytes, total)
  const whole = createHash('sha256')
  for (let at = 0; at < total; at += block.length) whole.update(block)
  assert.is(seen.hash(), whole.digest('hex'))
  await seen.client.close()
})

test('a body that has come whole is whole, whatever becomes of its connection while it waits for the client', async () => {
  let written = (): number => 0
  let isReset = false
  house.serve(({ target }, socket) => {
    if (target === '/flood') {
      socket.write(head(200))
      written = pour(socket, 1024 * MiB, block)
    } else {
      socket.write(reply('small'))
      socket.on('close', () => (isReset = true))
      void readByPeer(socket).then(() => socket.resetAndDestroy())
    }
  })
  const { client } = await counting('flood')
  assert.ok((await stream(client, 'flood', house.web.url('/flood'))).result)
  client.socket.pause()
  await standstill(() => written(), roundTrip)
  const answer = stream(client, 'small', house.web.url('/small'))
  await eventually(() => isReset)
  for (let count = 0; count < 10; count++) await roundTrip()
  client.socket.resume()
  assert.ok((await answer).result)
  assert.is((await endOf(client, 'small')).error, null)
  assert.is(bodyOf(client, 'small').toString(), 'small')
  await client.drop()
})

/** How much goes through in the memory test. */
const TEST_BYTES = Number(process.env['EXEC_SERVER_TEST_BYTES'] ?? 512 * MiB)

test.full('a body of any size goes through in little memory', async () => {
  house.serve(({ target }, socket) => {
    const total = Number(target.slice(1))
    socket.write(head(200, [['content-length', total]]))
    pour(socket, total, block)
  })
  const run = async (id: string, total: number): Promise<number> => {
    const client = await Client.connect(house.server.url)
    let [length, end, peak] = [0, '', 0]
    const [receive] = client.socket.listeners('message') as ((data: Buffer) => void)[]
    client.socket.removeAllListeners('message')
    client.socket.on('message', (data: Buffer) => {
      if (data.length < 400 && !data.includes('bodyDelta')) return receive?.(data)
      const from = data.indexOf('"deltaBase64":"') + 15
      const to = data.indexOf('"', from)
      length += ((to - from) / 4) * 3 - (data[to - 1] === 0x3d ? 1 : 0) - (data[to - 2] === 0x3d ? 1 : 0)
      if (data.includes('"done":true', to)) end = data.toString('latin1')
    })
    assert.ok((await stream(client, id, house.web.url(`/${total}`))).result)
    while (end === '') {
      peak = Math.max(peak, resident(house.server))
      await sleep(20)
    }
    assert.match(end, /"done":true,"error":null/)
    assert.is(length, total)
    await client.close()
    return peak
  }
  const warm = await run('warm', Math.min(TEST_BYTES, 96 * MiB))
  const growth = (await run('cold', TEST_BYTES)) - warm
  assert.ok(growth < 64 * MiB, `${Math.round(growth / MiB)} MiB more for ${TEST_BYTES / MiB} MiB`)
})

test('a buffered body over the bound is refused before the whole of it has come', async () => {
  let written = (): number => 0
  let closed = false
  house.serve((_, socket) => {
    socket.on('close', () => (closed = true))
    socket.write(head(200))
    written = pour(socket, 1024 * MiB, block)
  })
  const { error } = await ask(house.client, house.web.url())
  assert.is(error?.code, -32603)
  assert.match(error?.message ?? '', /streamResponse/)
  await eventually(() => closed, 30_000, 'the end of the connection')
  assert.ok(written() < 100 * MiB, `${Math.round(written() / MiB)} MiB taken`)
})

test('a compressed body over the bound is refused before the whole of it is decoded', async () => {
  const zeros = gzipSync(Buffer.alloc(16 * MiB))
  house.serve((_, socket) => {
    socket.write(head(200, [['content-encoding', 'gzip']]))
    pour(socket, 1024 * zeros.length, zeros)
  })
  const { error } = await ask(house.client, house.web.url())
  assert.is(error?.code, -32603)
  assert.match(error?.message ?? '', /streamResponse/)
  await eventually(() => house.web.sockets.size === 0, 30_000, 'the end of the connection')
})

async function takeBuffered(size: number): Promise<void> {
  const body = Buffer.alloc(size, block)
  house.serve((_, socket) => socket.write(reply(body)))
  const { result } = await ask(house.client, house.web.url())
  house.client.messages.length = 0
  assert.ok(Buffer.from(result.bodyBase64, 'base64').equals(body))
}

test('a buffered body arrives whole', () => takeBuffered(3 * MiB))
test.full('a large buffered body arrives whole', () => takeBuffered(24 * MiB))

test('the output of processes and streams share a connection: none starves', async () => {
  house.serve((_, socket) => {
    socket.write(head(200))
    pour(socket, 4096 * MiB, block)
  })
  const sharing = await Client.connect(house.server.url)
  const bytes = new Map<string, number>()
  let read = 0
  const [receive] = sharing.socket.listeners('message') as ((data: Buffer) => void)[]
  sharing.socket.removeAllListeners('message')
  sharing.socket.on('message', (data: Buffer) => {
    const name =
      /^\{"method":"(?:process\/output|http\/request\/bodyDelta)","params":\{"(?:processId|requestId)":"([^"]*)"/.exec(
        data.subarray(0, 200).toString('latin1'),
      )?.[1]
    if (name === undefined) return receive?.(data)
    bytes.set(name, (bytes.get(name) ?? 0) + data.length)
    if ((read += data.length) < MiB / 2) return
    // The client is what is slow, so that there is something of all of them to be sent.
    read = 0
    sharing.socket.pause()
    setTimeout(() => sharing.socket.resume(), 10)
  })
  for (const id of ['a', 'b', 'c']) assert.ok((await stream(sharing, id, house.web.url())).result)
  await sharing.start('p', ['/usr/bin/yes'])
  bytes.clear()
  const names = ['a', 'b', 'c', 'p']
  await eventually(() => names.every((name) => (bytes.get(name) ?? 0) > 4 * MiB), 50_000, '4 MiB of each')
  const counts = names.map((name) => bytes.get(name) ?? 0)
  assert.ok(Math.max(...counts) < 8 * Math.min(...counts), counts.join(' '))
  assert.ok((await sharing.ask('environment/status', {})).result)
  await sharing.drop()
})

test.run()
