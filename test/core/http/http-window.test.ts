/** Streamed bodies that their client holds back, and those that it gives up. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { CloseCode } from '../../../src/core/base/transport.ts'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { answered, bodyOf, deltas, setup } from '../../support/fakes/fake-peer.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

const take = async (client: MemoryClient, requestId: string, seq: number): Promise<void> => {
  assert.equal((await client.ask('http/acknowledge', { requestId, seq })).result, {})
}

const cancel = async (client: MemoryClient, requestId: string): Promise<void> => {
  assert.equal((await client.ask('http/cancel', { requestId })).result, {})
}

const pieces = (count: number, size = 10): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => new Uint8Array(size).fill(index))

// ---- windows ----

test('the peer is not read once more is unacknowledged than the window, and is again when enough was taken', async () => {
  const { client, stream, peer } = await setup()
  stream('s', { bodyWindow: 25 })
  await settled()
  peer()
    .answer()
    .send(...pieces(10))
  await settled()
  assert.equal([peer().taken, bodyOf(client, 's').length], [3, 30])
  await take(client, 's', 0)
  assert.is(peer().taken, 3)
  await take(client, 's', 1)
  assert.equal([peer().taken, bodyOf(client, 's').length], [4, 40])
  await take(client, 's', 1)
  assert.is(peer().taken, 4, 'an older number is no news')
  await take(client, 's', 4)
  assert.is(peer().taken, 7)
  // Beyond what there is, it is all there is.
  await take(client, 's', 1e9)
  assert.is(peer().taken, 10)
  peer().end()
  await settled()
  await take(client, 's', 10)
  assert.is(deltas(client, 's').at(-1)?.done, true)
  assert.ok(bodyOf(client, 's').equals(Buffer.concat(pieces(10))))
})

test('without a window a body comes as fast as the client reads, and acknowledgements do nothing', async () => {
  const { client, stream, peer } = await setup()
  stream('s')
  stream('null', { bodyWindow: null })
  await settled()
  for (const index of [0, 1])
    peer(index)
      .answer()
      .send(...pieces(100))
      .end()
  await settled()
  for (const id of ['s', 'null']) {
    await take(client, id, 3)
    assert.equal([bodyOf(client, id).length, deltas(client, id).length], [1000, 101])
  }
})

test('a piece of several deltas waits with its rest', async () => {
  const { client, stream, peer } = await setup({ httpDelta: 10 })
  stream('s', { bodyWindow: 15 })
  await settled()
  peer()
    .answer()
    .send(new Uint8Array(55).map((_, index) => index))
    .end()
  await settled()
  assert.equal(deltas(client, 's').length, 2)
  await take(client, 's', 1)
  assert.equal(deltas(client, 's').length, 3)
  await take(client, 's', 3)
  await take(client, 's', 5)
  assert.equal(
    deltas(client, 's').map(({ done }) => done),
    [false, false, false, false, false, false, true],
  )
  assert.ok(bodyOf(client, 's').every((byte, index) => byte === index))
})

test('many tiny pieces hold their peer back by their number', async () => {
  const { client, stream, peer } = await setup({ httpUnacknowledged: 8 })
  stream('s', { bodyWindow: 1e9 })
  await settled()
  peer()
    .answer()
    .send(...pieces(20, 1))
  await settled()
  assert.is(peer().taken, 8)
  await take(client, 's', 5)
  assert.is(peer().taken, 13)
})

test('one that is held delays neither another stream nor an answer', async () => {
  const { client, stream, begin, peer } = await setup()
  stream('held', { bodyWindow: 1 })
  stream('other', { bodyWindow: 1000 })
  const whole = begin({ bodyWindow: 1 })
  await settled()
  for (const index of [0, 1, 2])
    peer(index)
      .answer()
      .send(...pieces(20))
      .end()
  await settled()
  assert.is(bodyOf(client, 'held').length, 10)
  assert.is(deltas(client, 'other').at(-1)?.done, true)
  assert.is(Buffer.from(answered(client, whole).result.bodyBase64, 'base64').length, 200)
})

test('a window is a whole number of bytes, one at least', async () => {
  const { client, stream, peers } = await setup()
  for (const bodyWindow of [0, -1, 1.5, '5', true]) {
    const id = stream('s', { bodyWindow })
    await settled()
    assert.is(answered(client, id).error?.code, ErrorCode.InvalidParams, String(bodyWindow))
  }
  assert.is(peers.length, 0)
})

test('an acknowledgement of a stream that is unknown, has not begun or has ended is accepted', async () => {
  const { client, begin, stream, peer } = await setup()
  await take(client, 'nobody', 5)
  begin({ requestId: 'whole' })
  await take(client, 'whole', 5)
  stream('s', { bodyWindow: 5 })
  await take(client, 's', 5)
  peer()
    .answer()
    .send(...pieces(2))
    .end()
  await settled()
  assert.is(bodyOf(client, 's').length, 10, 'what came too early says nothing of what follows')
  await take(client, 's', 1)
  await take(client, 's', 2)
  assert.is(deltas(client, 's').at(-1)?.done, true)
  await take(client, 's', 3)
  for (const params of [{}, { requestId: 's' }, { requestId: 5, seq: 1 }, { requestId: 's', seq: -1 }]) {
    assert.is((await client.ask('http/acknowledge', params)).error?.code, ErrorCode.InvalidParams)
  }
})

test('a timeout ends a stream that is held, and tells so, behind the piece that waited', async () => {
  for (const isPieceKept of [false, true]) {
    const { client, clock, stream, peer } = await setup(isPieceKept ? { httpDelta: 10 } : {})
    stream('s', { bodyWindow: 5, timeoutMs: 1000 })
    await settled()
    peer()
      .answer()
      .send(new Uint8Array(isPieceKept ? 20 : 10), new Uint8Array(10))
    await settled()
    assert.is(deltas(client, 's').length, 1)
    clock.advance(1000)
    await settled()
    assert.equal(deltas(client, 's').at(-1)?.error, 'error decoding response body: timed out after 1000 ms')
    assert.is(bodyOf(client, 's').length, isPieceKept ? 20 : 10)
    assert.equal([clock.timers, peer().taken], [0, 1])
  }
})

test('a closing connection ends a stream that is held, and closes', async () => {
  const { client, stream, peer } = await setup()
  stream('s', { bodyWindow: 5 })
  await settled()
  peer()
    .answer()
    .send(...pieces(5))
  await settled()
  client.connection.close(CloseCode.GoingAway, 'bye')
  await settled()
  assert.match(deltas(client, 's').at(-1)?.error ?? '', /the connection is closing/)
  assert.is(client.transport.closed?.code, CloseCode.GoingAway)
})

test('whatever the pieces, the window and the pace, a client that acknowledges gets all, and never more than was agreed', async () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 3000 }))
  const act = fc.oneof(
    fc.record({ send: size }),
    fc.record({ take: fc.nat(3) }),
    fc.constantFrom('slow' as const, 'drain' as const),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 30 }), fc.integer({ min: 1, max: 4000 }), async (acts, bodyWindow) => {
      const httpDelta = 512
      const { client, stream, peer } = await setup({ httpDelta, httpUnacknowledged: 6, outboundOutput: 2048 })
      stream('s', { bodyWindow })
      await settled()
      peer().answer()
      let taken = 0
      const sent: Uint8Array[] = []
      const check = (): void => {
        const lengths = deltas(client, 's').map(({ deltaBase64 }) => Buffer.from(deltaBase64, 'base64').length)
        const open = lengths.slice(taken)
        // The last of them may pass the window, and none follows it.
        assert.ok(open.slice(0, -1).reduce((sum, length) => sum + length, 0) <= bodyWindow)
        assert.ok(open.filter((length) => length > 0).length <= 6)
      }
      for (const each of acts) {
        if (each === 'slow') client.transport.slow = true
        else if (each === 'drain') await client.drain()
        else if ('send' in each) {
          const bytes = Uint8Array.from({ length: each.send }, (_, index) => (sent.length + index) % 251)
          sent.push(bytes)
          peer().send(bytes)
        } else {
          taken = Math.min(deltas(client, 's').length, taken + each.take)
          client.begin('http/acknowledge', { requestId: 's', seq: taken })
        }
        await settled()
        check()
      }
      peer().end()
      for (let isOver = false; !isOver; ) {
        await client.drain()
        check()
        isOver = deltas(client, 's').at(-1)?.done === true
        taken = deltas(client, 's').length
        client.begin('http/acknowledge', { requestId: 's', seq: taken })
        await settled()
      }
      assert.ok(bodyOf(client, 's').equals(Buffer.concat(sent)))
      assert.equal(
        deltas(client, 's').map(({ seq }) => seq),
        deltas(client, 's').map((_, index) => index + 1),
      )
    }),
    { numRuns: 100 },
  )
})

// ---- what is given up ----

test('a request that is cancelled before its head is there is an error, and nothing follows', async () => {
  const { client, clock, stream, peer, peers } = await setup()
  const id = stream('s', { timeoutMs: 1000 })
  await settled()
  await cancel(client, 's')
  assert.ok(peer().signal.aborted)
  assert.equal(answered(client, id).error, {
    code: ErrorCode.Internal,
    message: 'http/request failed: error sending request for url (http://here.test/): it was cancelled',
  })
  assert.is(clock.timers, 0)
  assert.is(peers.length, 1)
  assert.equal(deltas(client, 's'), [])
})

test('a stream that is cancelled ends without another word, be it read, held, or behind a client that does not read', async () => {
  for (const [bodyWindow, isSlow] of [
    [null, false],
    [5, false],
    [null, true],
  ] as const) {
    const { client, host, stream, peer } = await setup({ outboundOutput: 10 })
    stream('s', { bodyWindow })
    await settled()
    peer().answer()
    await settled()
    client.transport.slow = isSlow
    peer().send(...pieces(3))
    await settled()
    const before = deltas(client, 's').length
    assert.is(before, bodyWindow === null && !isSlow ? 3 : 1)
    await cancel(client, 's')
    assert.ok(peer().signal.aborted)
    peer()
      .send(...pieces(3))
      .end()
    await client.drain()
    assert.is(deltas(client, 's').length, before)
    assert.equal(host.faults, [])
  }
})

test('a stream that is cancelled between its head and its answer does not begin', async () => {
  const { client, stream, peer } = await setup()
  const id = stream('s')
  await settled()
  peer().answer().send('x')
  client.begin('http/cancel', { requestId: 's' })
  await settled()
  assert.ok(answered(client, id))
  assert.ok(peer().signal.aborted || peer().isCancelled)
  assert.equal(deltas(client, 's'), [])
})

test('an id is free at once after a cancel, and what is left of the old stream is not taken for the new one', async () => {
  const { client, stream, peer } = await setup()
  for (const isAnswered of [false, true]) {
    const old = stream('s')
    await settled()
    if (isAnswered) peer().answer().send('old')
    await settled()
    const before = deltas(client, 's').length
    client.begin('http/cancel', { requestId: 's' })
    const id = stream('s')
    await settled()
    assert.ok(answered(client, old))
    peer().answer().send('new').end()
    await settled()
    assert.ok(answered(client, id).result)
    assert.equal(
      deltas(client, 's')
        .slice(before)
        .map(({ seq, deltaBase64 }) => [seq, atob(deltaBase64)]),
      [
        [1, 'new'],
        [2, ''],
      ],
    )
  }
})

test('a place among the requests under way is free again after a cancel', async () => {
  const { client, stream, peer } = await setup({ httpRequests: 2 })
  stream('a')
  stream('b')
  await settled()
  peer(0).answer()
  await settled()
  await cancel(client, 'a')
  await cancel(client, 'b')
  const ids = [stream('c'), stream('d'), stream('e')]
  await settled()
  assert.equal(
    ids.map((id) => client.answer(id)?.error?.code),
    [undefined, undefined, ErrorCode.Overloaded],
  )
})

test('cancelling a request that is unknown, has ended, or is answered whole does nothing, and is no error', async () => {
  const { client, server, begin, stream, peer } = await setup()
  await cancel(client, 'nobody')
  const whole = begin({ requestId: 's' })
  await settled()
  await cancel(client, 's')
  peer().answer().send('whole').end()
  await settled()
  assert.is(answered(client, whole).result.bodyBase64, btoa('whole'))
  stream('s')
  await settled()
  peer().answer().end()
  await settled()
  await cancel(client, 's')
  assert.is(deltas(client, 's').length, 1)
  // Another connection has ids of its own.
  stream('mine')
  await settled()
  await cancel(await MemoryClient.ready(server), 'mine')
  peer().answer().send('x').end()
  await settled()
  assert.is(bodyOf(client, 'mine').toString(), 'x')
  for (const params of [{}, { requestId: null }])
    assert.is((await client.ask('http/cancel', params)).error?.code, ErrorCode.InvalidParams)
})

test('a request that is cancelled on its way through redirects makes no further request', async () => {
  const { client, stream, peer, peers } = await setup()
  const id = stream('s')
  await settled()
  peer().answer(302, ['location', '/x'])
  await settled()
  await cancel(client, 's')
  assert.ok(peer(1).signal.aborted)
  assert.is(answered(client, id).error?.code, ErrorCode.Internal)
  assert.is(peers.length, 2)
})

test.run()
