import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import { RequestLimiter } from '../../../src/core/rpc/request-limiter.ts'
import { CloseCode } from '../../../src/core/base/transport.ts'
import { ErrorCode, RpcError } from '../../../src/protocol/wire/errors.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

async function ready(limits: object = {}) {
  const fake = fakeServer(limits)
  return { ...fake, client: await MemoryClient.ready(fake.server) }
}

const read = (client: MemoryClient): number => client.begin('process/read', { processId: 'p', waitMs: 1e9 })

test('so many reads may wait on a connection, one more is refused at once, and a terminate behind them gets through', async () => {
  const { client, host, server } = await ready({ waitingRequests: 3, runningRequests: 2 })
  await client.start('p')
  const waiting = [read(client), read(client), read(client)]
  const refused = [read(client), client.begin('http/request', { method: 'GET', url: 'http://x/', requestId: 'h' })]
  await settled()
  for (const id of refused) {
    assert.is(client.answer(id)?.error?.code, ErrorCode.Overloaded)
    assert.match(String(client.answer(id)?.error?.message), /too many requests wait on this connection: 3 /)
  }
  assert.not(client.transport.inputPaused)
  // What need not wait is no matter of this bound, nor are other connections.
  assert.ok((await client.ask('process/read', { processId: 'p' })).result)
  const other = await MemoryClient.ready(server)
  await other.start('p')
  read(other)
  await settled()
  assert.is(other.answers.length, 2)
  assert.is((await client.ask('process/terminate', { processId: 'p' })).result.running, true)
  assert.is(host.children[0]?.kills, 1)
  host.children[0]?.output('stdout', 'x')
  host.children[0]?.exit(137)
  host.children[0]?.end()
  await settled()
  assert.ok(waiting.every((id) => client.answer(id)?.result))
})

test('a read that has been answered makes room for another', async () => {
  const { client, clock } = await ready({ waitingRequests: 2 })
  await client.start('p')
  for (let round = 0; round < 5; round++) {
    const ids = [1, 2].map(() => client.begin('process/read', { processId: 'p', waitMs: 10 }))
    await settled()
    assert.is((await client.ask('process/read', { processId: 'p', waitMs: 10 })).error?.code, ErrorCode.Overloaded)
    clock.advance(10)
    await settled()
    assert.ok(ids.every((id) => client.answer(id)?.result))
  }
})

async function burst(count: number): Promise<void> {
  const { client, host } = await ready({ runningRequests: 16 })
  let [running, most] = [0, 0]
  host.serveFile = async (_, [path]) => {
    most = Math.max(most, ++running)
    await Promise.resolve()
    running--
    return path
  }
  const ids = Array.from({ length: count }, (_, index) => client.begin('fs/canonicalize', { path: `/${index}` }))
  while (client.answers.length < count + 1) await settled()
  assert.is(new Set(client.answers.map(({ id }) => id)).size, count + 1)
  assert.is(client.answers.at(-1)?.id, ids.at(-1))
  assert.ok(most > 1 && most <= 16, `${most} at a time`)
  assert.not(client.transport.inputPaused)
}

test('a burst of requests that end by themselves is served in full, so many at a time', () => burst(2000))

test.full('a burst of 20,000 requests that end by themselves is served in full, so many at a time', () => burst(20_000))

test('requests that wait without end never stop the reading, however large; those that are too large together are refused', async () => {
  const { client, host } = await ready({ messageBytes: 10_000, waitingBytes: 20_000, runningRequests: 4 })
  host.serveHttp = () => new Promise(() => {})
  const ask = (): number =>
    client.begin('http/request', { method: 'POST', url: 'http://x/', requestId: 'h', bodyBase64: 'A'.repeat(8000) })
  const ids = Array.from({ length: 30 }, ask)
  await settled()
  const refused = ids.filter((id) => client.answer(id) !== undefined)
  assert.equal(refused, ids.slice(2))
  for (const id of refused) assert.is(client.answer(id)?.error?.code, ErrorCode.Overloaded)
  assert.match(String(client.answer(refused[0])?.error?.message), /20000 bytes/)
  assert.not(client.transport.inputPaused)
  assert.ok((await client.ask('environment/status')).result)
})

/** Writes so many bytes, one at a time, of which half may be held. */
async function writeToDeaf(count: number): Promise<void> {
  const { client, host } = await ready({
    waitingRequests: 4,
    runningRequests: 4,
    stdinQueue: 4,
    stdinTotal: count * 5,
    heldWriteOverhead: 10,
  })
  await client.start('p', { pipeStdin: true })
  const ids = Array.from({ length: count }, () => client.begin('process/write', { processId: 'p', chunk: 'eA==' }))
  await settled()
  assert.not(client.transport.inputPaused)
  const written = new Set<unknown>(ids)
  const [codes, answered] = [new Set<number | undefined>(), client.answers.filter(({ id }) => written.has(id))]
  for (const { error } of answered) codes.add(error?.code)
  assert.equal([...codes], [undefined, ErrorCode.Overloaded])
  // 4 are with the child, and the rest of the total is held, at 11 bytes each.
  assert.is(answered.filter(({ result }) => result).length, 4)
  const held = ids.length - answered.length
  const expected = (count * 5) / 11
  assert.ok(Math.abs(held - expected) < 11, `${held} are held, and not ${expected}`)
  assert.ok((await client.ask('process/terminate', { processId: 'p' })).result)
  host.child.exit(137)
  host.child.end()
  await settled()
  assert.ok(ids.every((id) => client.answer(id) !== undefined))
}

test('writes that a child does not take never stop the reading; beyond their bound they are refused', () =>
  writeToDeaf(2000))

test.full('writes that a child does not take never stop the reading, however many', () => writeToDeaf(20_000))

test('a connection that closes answers what waits, and what was refused is not among it', async () => {
  const { client } = await ready({ waitingRequests: 1 })
  await client.start('p')
  const [waits, refused] = [read(client), read(client)]
  client.connection.close(CloseCode.GoingAway, 'bye')
  await settled()
  assert.ok(client.answer(waits)?.result)
  assert.ok(client.answer(refused)?.error)
  assert.is(client.transport.closed?.code, CloseCode.GoingAway)
})

// ---- the bounds themselves ----

const load = (limits: object): RequestLimiter => new RequestLimiter({ ...defaultLimits, ...limits })

/** What a refusal says. */
function refusal(call: () => void): string {
  try {
    call()
  } catch (error) {
    assert.instance(error, RpcError)
    assert.is((error as RpcError).code, ErrorCode.Overloaded)
    return (error as RpcError).message
  }
  throw new Error('it was not refused')
}

test('one request may wait whatever its size, and while it does no other', () => {
  const requests = load({ waitingBytes: 100 })
  const large = requests.begin(1000)
  large.waits()
  const small = requests.begin(1)
  assert.match(
    refusal(() => small.waits()),
    /too large: together they may have 100 bytes/,
  )
  large.end()
  small.waits()
  const next = requests.begin(1000)
  assert.match(
    refusal(() => next.waits()),
    /too large/,
    'one that is too large waits beside no other',
  )
  small.end()
  next.waits()
})

test('the requests that wait may have as many bytes as the bound, together, and not one more', () => {
  const requests = load({ waitingBytes: 100 })
  requests.begin(60).waits()
  const [tooMuch, fits, more] = [requests.begin(41), requests.begin(40), requests.begin(1)]
  assert.match(
    refusal(() => tooMuch.waits()),
    /100 bytes/,
  )
  fits.waits()
  assert.match(
    refusal(() => more.waits()),
    /100 bytes/,
  )
})

test('a request that waits twice counts once, and one that has been refused goes on as it was', () => {
  const requests = load({ waitingRequests: 2, waitingBytes: 100, runningRequests: 1 })
  const first = requests.begin(50)
  assert.ok(requests.isFull)
  first.waits()
  assert.not(requests.isFull, 'what waits does not run')
  first.waits()
  requests.begin(50).waits()
  first.waits()
  const refused = requests.begin(0)
  assert.match(
    refusal(() => refused.waits()),
    /too many requests wait on this connection: 2 /,
  )
  assert.ok(requests.isFull, 'it still runs')
  refused.end()
  assert.not(requests.isFull)
})

test('requests that run stop the reading by their number, and beyond two of the largest messages by their size', () => {
  const requests = load({ runningRequests: 3, messageBytes: 100 })
  const tickets = [requests.begin(100), requests.begin(100)]
  assert.not(requests.isFull, 'two of the largest')
  tickets.push(requests.begin(0))
  assert.ok(requests.isFull, 'three')
  tickets.pop()?.end()
  assert.not(requests.isFull)
  tickets.push(requests.begin(1))
  tickets.shift()?.end()
  tickets.push(requests.begin(99))
  assert.ok(requests.isFull, 'three again')
  for (const ticket of tickets) ticket.end()
  assert.not(requests.isFull)
  requests.begin(100)
  const last = requests.begin(101)
  assert.ok(requests.isFull, 'a byte more than two of the largest')
  last.end()
  assert.not(requests.isFull)
})

test('a request that steps aside counts nowhere, and its end changes nothing', () => {
  const requests = load({ runningRequests: 2, waitingRequests: 1, messageBytes: 100 })
  const [aside, waiting] = [requests.begin(500), requests.begin(500)]
  aside.exclude()
  waiting.waits()
  assert.not(requests.isFull)
  waiting.exclude()
  requests.begin(1).waits()
  requests.begin(200)
  for (const ticket of [aside, waiting, aside]) ticket.end()
  assert.not(requests.isFull)
  requests.begin(0)
  assert.ok(requests.isFull, 'no end has counted twice')
})

test.run()
