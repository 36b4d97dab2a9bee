/** The HTTP requests of a connection, with a peer that does what the test says, and the time it says. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { CloseCode } from '../../../src/core/base/transport.ts'
import { ErrorCode, invalidRequest } from '../../../src/protocol/wire/errors.ts'
import { answered, bodyOf, deltas, LEAST, setup } from '../../support/fakes/fake-peer.ts'
import type { Delta } from '../../support/fakes/fake-peer.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const KiB = 1024

// ---- buffered ----

test('a buffered request is answered when the whole body is there', async () => {
  const { client, begin, peer } = await setup()
  const id = begin({ method: 'PUT', headers: [{ name: 'A', value: 'b' }], bodyBase64: btoa('body'), timeoutMs: 1000 })
  await settled()
  const { method, url, headers, body } = peer().request
  assert.equal(
    { method, url: url.href, headers, body },
    {
      method: 'PUT',
      url: LEAST.url,
      headers: [{ name: 'a', value: 'b' }],
      body: new TextEncoder().encode('body'),
    },
  )
  peer().answer(418, ['x-a', '1'], ['x-a', '"2"']).send('one ', 'two')
  await settled()
  assert.is(client.answer(id), undefined)
  peer().end()
  await settled()
  assert.equal(answered(client, id).result, {
    status: 418,
    headers: [
      { name: 'x-a', value: '1' },
      { name: 'x-a', value: '"2"' },
    ],
    bodyBase64: btoa('one two'),
  })
  assert.equal(deltas(client, 'r'), [])
})

test('requests run side by side, and none delays another method', async () => {
  const { client, begin, peer } = await setup()
  const [slow, quick] = [begin(), begin()]
  await settled()
  assert.ok((await client.ask('environment/status', {})).result)
  peer(1).answer().send('q').end()
  await settled()
  assert.is(answered(client, quick).result.bodyBase64, btoa('q'))
  assert.is(client.answer(slow), undefined)
})

test('before the handshake is complete it is refused, and invalid params are reported first', async () => {
  const { server } = await setup()
  const client = new MemoryClient(server)
  assert.is((await client.ask('http/request', {})).error?.code, ErrorCode.InvalidParams)
  assert.equal((await client.ask('http/request', LEAST)).error, {
    code: ErrorCode.InvalidRequest,
    message: 'client must call initialize before using http methods',
  })
  await client.ask('initialize', { clientName: 'x' })
  assert.equal((await client.ask('http/request', LEAST)).error, {
    code: ErrorCode.InvalidRequest,
    message: 'client must send initialized before using http methods',
  })
})

test('what does not work is -32603, before the head and in the body; what the host refuses keeps its code', async () => {
  const { client, begin, peer, host } = await setup()
  const refused = begin()
  await settled()
  peer().fail(new Error('connection refused'))
  const forbidden = begin()
  await settled()
  peer().fail(invalidRequest('not allowed'))
  const broken = begin()
  await settled()
  peer().answer().send('part', new Error('cut off'))
  await settled()
  assert.equal(answered(client, refused).error, {
    code: ErrorCode.Internal,
    message: 'http/request failed: error sending request for url (http://here.test/): connection refused',
  })
  assert.equal(answered(client, forbidden).error, { code: ErrorCode.InvalidRequest, message: 'not allowed' })
  assert.equal(answered(client, broken).error, {
    code: ErrorCode.Internal,
    message: 'failed to read http/request response body: error decoding response body: cut off',
  })
  assert.equal(host.faults, [])
})

test('a body over the bound is refused as soon as that is known, and the rest is given up', async () => {
  const { client, begin, peer } = await setup({ httpBuffered: 10 })
  const whole = begin()
  await settled()
  peer().answer().send('0123456789').end()
  await settled()
  assert.is(answered(client, whole).result.bodyBase64, btoa('0123456789'))
  const id = begin()
  await settled()
  peer().answer().send('0123456', '7890', 'and so on', 'and on')
  await settled()
  assert.is(answered(client, id).error?.code, ErrorCode.Internal)
  assert.match(answered(client, id).error?.message ?? '', /exceeds 10 bytes; use streamResponse/)
  assert.ok(peer().isCancelled)
  assert.is(peer().taken, 2)
})

test('large bodies are gathered a few at a time, the others wait unread, and all arrive', async () => {
  const { client, begin, peers } = await setup({ httpBuffered: 1000 * KiB, httpBufferedTotal: 2000 * KiB })
  const ids = Array.from({ length: 5 }, () => begin())
  await settled()
  for (const peer of peers)
    peer.answer().send(new Uint8Array(60 * KiB), new Uint8Array(60 * KiB), new Uint8Array(60 * KiB))
  await settled()
  assert.is(peers.filter(({ taken }) => taken === 3).length, 2)
  for (const peer of peers) peer.end()
  await settled()
  await client.drain()
  assert.equal(
    ids.map((id) => Buffer.from(answered(client, id).result.bodyBase64, 'base64').length),
    Array(5).fill(180 * KiB),
  )
})

test('a small body waits for no large one', async () => {
  const { client, begin, peer } = await setup({ httpBuffered: 1000 * KiB, httpBufferedTotal: 1000 * KiB })
  begin()
  await settled()
  peer()
    .answer()
    .send(new Uint8Array(100 * KiB))
  await settled()
  const small = begin()
  await settled()
  peer()
    .answer()
    .send(new Uint8Array(64 * KiB))
    .end()
  await settled()
  assert.ok(answered(client, small).result)
})

test('the timeout of a large body runs while it waits for room, too', async () => {
  const { client, clock, begin, peers } = await setup({ httpBuffered: 1000 * KiB, httpBufferedTotal: 1000 * KiB })
  const [, waiting] = [begin(), begin({ timeoutMs: 1000 })]
  await settled()
  for (const peer of peers) peer.answer().send(new Uint8Array(100 * KiB))
  await settled()
  clock.advance(1000)
  await settled()
  assert.is(answered(client, waiting).error?.code, ErrorCode.Internal)
  // And its place in the line is free.
  const next = begin()
  await settled()
  peers[0]?.end()
  peers[2]
    ?.answer()
    .send(new Uint8Array(100 * KiB))
    .end()
  await settled()
  assert.ok(answered(client, next).result)
})

test('a client that does not read is not answered with more bodies than fit', async () => {
  const { client, begin, peers } = await setup({ outboundTotal: 300 * KiB })
  client.transport.slow = true
  const ids = Array.from({ length: 8 }, () => begin())
  await settled()
  for (const peer of peers)
    peer
      .answer()
      .send(new Uint8Array(60 * KiB))
      .end()
  await settled()
  assert.ok(client.transport.queued() <= 400 * KiB, String(client.transport.queued()))
  await client.drain()
  for (const id of ids) assert.ok(answered(client, id).result)
})

// ---- redirects ----

test('ten redirects are followed, each given up once its head is there; the eleventh fails', async () => {
  for (const count of [10, 11]) {
    const { client, begin, peer, peers } = await setup()
    const id = begin({ url: 'http://here.test/0' })
    await settled()
    for (let hop = 1; hop <= count; hop++) {
      peer().answer(302, ['location', `/${hop}`])
      await settled()
    }
    if (count === 10) {
      assert.is(peer().request.url.href, 'http://here.test/10')
      peer().answer(200).end()
      await settled()
      assert.is(answered(client, id).result.status, 200)
    } else {
      assert.equal(answered(client, id).error, {
        code: ErrorCode.Internal,
        message: 'http/request failed: too many redirects',
      })
    }
    assert.is(peers.length, 11)
    assert.ok(peers.slice(0, 10).every(({ isCancelled }) => isCancelled))
  }
})

test('a redirect that fails names the URL that failed', async () => {
  const { client, begin, peer } = await setup()
  const id = begin()
  await settled()
  peer().answer(302, ['location', 'http://there.test/x'])
  await settled()
  peer().fail(new Error('nobody there'))
  await settled()
  assert.match(answered(client, id).error?.message ?? '', /for url \(http:\/\/there\.test\/x\): nobody there/)
})

test('a redirect out of HTTP fails the request; `stop` takes any redirect as it is', async () => {
  const { client, begin, peer, peers } = await setup()
  const id = begin()
  await settled()
  peer().answer(302, ['location', 'file:///etc/passwd'])
  await settled()
  assert.match(answered(client, id).error?.message ?? '', /unsupported URL scheme: file/)
  const stopped = begin({ redirectPolicy: 'stop' })
  await settled()
  peer().answer(302, ['location', '/x']).send('moved').end()
  await settled()
  assert.equal(answered(client, stopped).result, {
    status: 302,
    headers: [{ name: 'location', value: '/x' }],
    bodyBase64: btoa('moved'),
  })
  assert.is(peers.length, 2)
})

// ---- timeouts ----

test('a timeout is for the whole exchange: its head, its redirects, its body', async () => {
  const { client, clock, begin, peer } = await setup()
  const head = begin({ timeoutMs: 1000 })
  const body = begin({ timeoutMs: 1000 })
  await settled()
  clock.advance(600)
  peer(1).answer(302, ['location', '/x'])
  await settled()
  peer(2).answer().send('part')
  await settled()
  clock.advance(399)
  await settled()
  assert.equal([client.answer(head), client.answer(body)], [undefined, undefined])
  clock.advance(1)
  await settled()
  for (const id of [head, body]) assert.is(answered(client, id).error?.code, ErrorCode.Internal)
  assert.match(answered(client, head).error?.message ?? '', /^http\/request failed: .*timed out after 1000 ms/)
  assert.match(answered(client, body).error?.message ?? '', /^failed to read http\/request response body: .*timed out/)
  assert.is(clock.timers, 0)
})

test('a timeout of 0 has run out before anything is sent; without one there is none', async () => {
  const { client, clock, begin, peers, peer } = await setup()
  const none = begin({ timeoutMs: null })
  const id = begin({ timeoutMs: 0 })
  await settled()
  assert.match(answered(client, id).error?.message ?? '', /timed out after 0 ms/)
  assert.is(peers.length, 1)
  clock.advance(10 ** 9)
  peer().answer().end()
  await settled()
  assert.ok(answered(client, none).result)
})

test('a timer that is done with is taken down, however the request ended', async () => {
  const { clock, begin, stream, peer } = await setup()
  begin({ timeoutMs: 1000 })
  await settled()
  peer().answer().end()
  begin({ timeoutMs: 1000 })
  await settled()
  peer().fail(new Error('x'))
  stream('s', { timeoutMs: 1000 })
  await settled()
  peer().answer()
  await settled()
  assert.is(clock.timers, 1)
  peer().end()
  await settled()
  assert.is(clock.timers, 0)
})

test('a timeout in a stream ends it with an error, behind what had come', async () => {
  const { client, clock, stream, peer } = await setup()
  const id = stream('s', { timeoutMs: 1000 })
  await settled()
  peer().answer().send('some')
  await settled()
  clock.advance(1000)
  await settled()
  assert.ok(answered(client, id).result)
  assert.equal(deltas(client, 's'), [
    { requestId: 's', seq: 1, deltaBase64: btoa('some'), done: false, error: null },
    {
      requestId: 's',
      seq: 2,
      deltaBase64: '',
      done: true,
      error: 'error decoding response body: timed out after 1000 ms',
    },
  ])
})

// ---- streams ----

test('a stream is answered with its head, then come its pieces, then one end', async () => {
  const { client, stream, peer } = await setup()
  const id = stream('é"\n')
  await settled()
  peer().send('early').answer(200, ['a', 'b'])
  await settled()
  assert.equal(answered(client, id).result, { status: 200, headers: [{ name: 'a', value: 'b' }], bodyBase64: '' })
  peer().send('late').end()
  await settled()
  assert.equal(
    client.received
      .slice(-4)
      .map((message) => ('id' in message ? 'answer' : (message as unknown as { params: Delta }).params)),
    [
      'answer',
      { requestId: 'é"\n', seq: 1, deltaBase64: btoa('early'), done: false, error: null },
      { requestId: 'é"\n', seq: 2, deltaBase64: btoa('late'), done: false, error: null },
      { requestId: 'é"\n', seq: 3, deltaBase64: '', done: true, error: null },
    ],
  )
})

test('a stream without a body has one delta, the end', async () => {
  const { client, stream, peer } = await setup()
  stream('s')
  await settled()
  peer().answer(204).end()
  await settled()
  assert.equal(deltas(client, 's'), [{ requestId: 's', seq: 1, deltaBase64: '', done: true, error: null }])
})

test('a stream that fails before its head has an error for an answer and no delta', async () => {
  const { client, stream, peer } = await setup()
  const id = stream('s')
  await settled()
  peer().fail(new Error('x'))
  await settled()
  assert.is(answered(client, id).error?.code, ErrorCode.Internal)
  assert.equal(deltas(client, 's'), [])
})

test('whatever the pieces and the pace, a stream arrives whole, in dense order, in deltas within the bound, with one end', async () => {
  const piece = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 30 }),
    fc.integer({ min: 1, max: 3000 }).map((size) => new Uint8Array(size).fill(size)),
  )
  const act = fc.oneof(fc.constant('drain'), fc.constant('slow'), piece)
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 20 }), fc.boolean(), async (acts, fails) => {
      const { client, stream, peer } = await setup({ httpDelta: 512, outboundOutput: 2048 })
      stream('s')
      await settled()
      peer().answer()
      for (const each of acts) {
        if (each instanceof Uint8Array) peer().send(each)
        else if (each === 'slow') client.transport.slow = true
        else await client.drain()
        await settled()
      }
      peer().send(fails ? new Error('x') : undefined)
      await settled()
      await client.drain()
      const got = deltas(client, 's')
      assert.equal(
        got.map(({ seq }) => seq),
        got.map((_, index) => index + 1),
      )
      assert.equal(
        got.map(({ done }) => done),
        got.map((_, index) => index === got.length - 1),
      )
      assert.is(got.at(-1)?.error, fails ? 'error decoding response body: x' : null)
      assert.is(got.at(-1)?.deltaBase64, '')
      assert.ok(got.every(({ deltaBase64 }) => Buffer.from(deltaBase64, 'base64').length <= 512))
      assert.ok(bodyOf(client, 's').equals(Buffer.concat(acts.filter((each) => each instanceof Uint8Array))))
      assert.ok(client.transport.mostQueued < 2048 + 1024)
    }),
    { numRuns: 60 },
  )
})

test('a client that does not read holds the peer back: little is taken of the body', async () => {
  const { client, stream, peer } = await setup({ outboundOutput: 256 * KiB })
  client.transport.slow = true
  stream('s')
  await settled()
  const block = new Uint8Array(64 * KiB).map((_, index) => index % 251)
  peer()
    .answer()
    .send(...Array<Uint8Array>(100).fill(block))
    .end()
  await settled()
  assert.ok(peer().taken <= 5, `${peer().taken} blocks of 64 KiB taken`)
  await client.drain()
  const whole = createHash('sha256')
  for (let count = 0; count < 100; count++) whole.update(block)
  assert.is(createHash('sha256').update(bodyOf(client, 's')).digest('hex'), whole.digest('hex'))
  assert.is(deltas(client, 's').at(-1)?.done, true)
})

test('streams and processes of one connection take turns', async () => {
  const { client, host, stream, peers } = await setup({ outboundOutput: 200 * KiB, retainedPerProcess: 10_000 * KiB })
  client.transport.slow = true
  await client.start('p')
  for (const name of ['a', 'b', 'c']) stream(name)
  await settled()
  const block = new Uint8Array(60 * KiB)
  for (const peer of peers)
    peer
      .answer()
      .send(...Array<Uint8Array>(30).fill(block))
      .end()
  for (let count = 0; count < 30; count++) host.child.output('stdout', block)
  for (let round = 0; round < 12; round++) {
    await settled()
    client.transport.drain()
    client.connection.drained()
    // A host goes on reading by itself what was paused.
    host.child.flow()
  }
  await settled()
  const counts = [client.events('p').length, ...['a', 'b', 'c'].map((name) => deltas(client, name).length)]
  assert.ok(Math.min(...counts) >= 4 && Math.max(...counts) - Math.min(...counts) <= 3, counts.join(' '))
})

// ---- ids ----

test('the id of a stream under way is taken, until its end has been sent', async () => {
  const { client, stream, peer, peers } = await setup()
  stream('s')
  const early = stream('s')
  await settled()
  assert.equal(answered(client, early).error, {
    code: ErrorCode.InvalidParams,
    message: 'http/request streamResponse requestId `s` is already active',
  })
  peer().answer().send('x')
  await settled()
  const late = stream('s')
  await settled()
  assert.is(answered(client, late).error?.code, ErrorCode.InvalidParams)
  assert.is(peers.length, 1)
  peer().end()
  await settled()
  const again = stream('s')
  await settled()
  peer().answer().send('again').end()
  await settled()
  assert.ok(answered(client, again).result)
  assert.equal(
    deltas(client, 's')
      .slice(-2)
      .map(({ seq, done }) => [seq, done]),
    [
      [1, false],
      [2, true],
    ],
  )
})

test('an id is free after a request that failed, or was no request', async () => {
  const { client, stream, peer } = await setup()
  for (const bad of [{ url: 'x' }, { timeoutMs: 0 }, { headers: [{ name: '', value: '' }] }]) {
    const id = stream('s', bad)
    await settled()
    assert.ok(answered(client, id).error)
  }
  stream('s')
  await settled()
  peer().fail(new Error('x'))
  await settled()
  stream('s')
  await settled()
  peer().answer().send(new Error('x'))
  await settled()
  const id = stream('s')
  await settled()
  peer().answer().end()
  await settled()
  assert.ok(answered(client, id).result)
})

test('buffered requests take no id, and another connection has ids of its own', async () => {
  const { client, server, begin, stream, peer } = await setup()
  stream('s')
  const buffered = [begin({ requestId: 's' }), begin({ requestId: 's' })]
  await settled()
  peer(0).answer()
  for (const index of [1, 2]) peer(index).answer().end()
  const other = await MemoryClient.ready(server)
  const id = stream('s', {}, other)
  await settled()
  peer().answer().send('other').end()
  await settled()
  for (const each of buffered) assert.ok(answered(client, each).result)
  assert.ok(answered(other, id).result)
  assert.is(bodyOf(other, 's').toString(), 'other')
  assert.equal(deltas(client, 's'), [])
})

// ---- bounds ----

test('so many requests may be under way on one connection, streams included, and no more', async () => {
  const { client, server, begin, stream, peer, peers } = await setup({ httpRequests: 4 })
  stream('a')
  stream('b')
  begin()
  begin()
  const refused = [begin(), stream('c')]
  await settled()
  for (const id of refused) {
    assert.equal(answered(client, id).error, {
      code: ErrorCode.Overloaded,
      message: 'at most 4 http requests may be under way per connection',
    })
  }
  const other = await MemoryClient.ready(server)
  begin({}, other)
  await settled()
  assert.is(peers.length, 5)
  for (const [index, end] of [
    [0, 'stream'],
    [2, 'buffered'],
    [3, 'failed'],
  ] as const) {
    if (end === 'failed') peer(index).fail(new Error('x'))
    else peer(index).answer().end()
  }
  await settled()
  const ids = [stream('c'), begin(), begin()]
  const last = begin()
  await settled()
  assert.equal(
    ids.map((id) => client.answer(id)),
    [undefined, undefined, undefined],
  )
  assert.is(answered(client, last).error?.code, ErrorCode.Overloaded)
})

test('300 streams run at once, each whole', async () => {
  const { client, stream, peers } = await setup()
  for (let index = 0; index < 300; index++) stream(`s${index}`)
  await settled()
  assert.is(peers.length, 300)
  for (const [index, peer] of peers.entries()) peer.answer().send(`${index}-`, 'x').end()
  await settled()
  for (let index = 0; index < 300; index++) {
    assert.is(bodyOf(client, `s${index}`).toString(), `${index}-x`)
    assert.equal(
      deltas(client, `s${index}`).map(({ seq, done }) => [seq, done]),
      [
        [1, false],
        [2, false],
        [3, true],
      ],
    )
  }
})

// ---- the end of the connection ----

test('when the connection is gone every exchange is broken off at once, and nothing is left behind', async () => {
  const { client, server, clock, host, begin, stream, peer, peers } = await setup({
    httpBuffered: 1000 * KiB,
    httpBufferedTotal: 1000 * KiB,
  })
  begin({ timeoutMs: 1000 })
  begin()
  begin()
  begin()
  stream('s', { timeoutMs: 1000 })
  stream('t')
  await settled()
  for (const index of [1, 2, 3])
    peer(index)
      .answer()
      .send(new Uint8Array(100 * KiB))
  peer(4).answer().send('x')
  await settled()
  const sent = client.transport.messages.length
  client.drop()
  assert.ok(peers.every(({ signal }) => signal.aborted))
  await settled()
  assert.is(client.transport.messages.length, sent)
  assert.equal(host.faults, [])
  // What is left is the session's own.
  assert.is(clock.timers, 1)

  const resumed = await MemoryClient.ready(server, client.sessionId)
  const id = stream('s', {}, resumed)
  await settled()
  peer().answer().send('new').end()
  await settled()
  assert.ok(answered(resumed, id).result)
  assert.is(bodyOf(resumed, 's').toString(), 'new')
  assert.equal(
    deltas(resumed, 's').map(({ seq }) => seq),
    [1, 2],
  )
})

test('a connection that is gone between the head and the answer leaves no stream behind', async () => {
  const { client, host, stream, peer } = await setup()
  stream('s')
  await settled()
  peer().answer().send('x')
  client.drop()
  await settled()
  assert.ok(peer().signal.aborted)
  assert.equal(host.faults, [])
  assert.equal(deltas(client, 's'), [])
})

test('a connection that is closing waits for answers that come in time; streams end at once, with an error', async () => {
  const { client, clock, begin, stream, peer } = await setup({ httpClosingMs: 5000 })
  const id = begin()
  stream('s')
  const early = stream('t')
  await settled()
  peer(1).answer().send('part')
  await settled()
  client.connection.close(CloseCode.GoingAway, 'bye')
  await settled()
  assert.equal(deltas(client, 's').at(-1), {
    requestId: 's',
    seq: 2,
    deltaBase64: '',
    done: true,
    error: 'error decoding response body: the connection is closing',
  })
  assert.match(answered(client, early).error?.message ?? '', /the connection is closing/)
  assert.is(client.transport.closed, undefined)
  clock.advance(4999)
  peer(0).answer().send('in time').end()
  await settled()
  assert.is(answered(client, id).result.bodyBase64, btoa('in time'))
  assert.is(client.transport.closed?.code, CloseCode.GoingAway)
  assert.is(clock.timers, 1, 'the session')
})

test('answers that do not come in time are errors, and then the connection closes', async () => {
  const { client, clock, begin, peer } = await setup({ httpClosingMs: 5000 })
  const ids = [begin(), begin()]
  await settled()
  peer(1).answer().send('part')
  await settled()
  client.connection.close(CloseCode.GoingAway, 'bye')
  clock.advance(4999)
  await settled()
  assert.is(client.transport.closed, undefined)
  clock.advance(1)
  await settled()
  for (const id of ids) assert.match(answered(client, id).error?.message ?? '', /the connection is closing/)
  assert.is(client.transport.closed?.code, CloseCode.GoingAway)
})

test('a connection with nothing but streams closes at once', async () => {
  const { client, stream, peer } = await setup()
  stream('s')
  await settled()
  peer().answer()
  await settled()
  client.connection.close(CloseCode.GoingAway, 'bye')
  await settled()
  assert.equal(
    deltas(client, 's').map(({ done, error }) => [done, typeof error]),
    [[true, 'string']],
  )
  assert.is(client.transport.closed?.code, CloseCode.GoingAway)
})

test('a connection without exchanges closes at once', async () => {
  const { client, begin, peer } = await setup()
  begin()
  await settled()
  peer().answer().end()
  await settled()
  client.connection.close(CloseCode.GoingAway, 'bye')
  await settled()
  assert.is(client.transport.closed?.code, CloseCode.GoingAway)
})

test.run()
