/** http/acknowledge and http/cancel on a real server, with real web servers on this machine. */
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import type { Answer } from '../../support/client.ts'
import { eventually, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { head, plainEnvironment, pour, reply, Web } from '../../support/web/web.ts'

const MiB = 1024 * 1024

type Delta = { requestId: string; seq: number; deltaBase64: string; done: boolean; error: string | null }

const test = suite('http windows')
let [server, client, web] = [] as unknown as [RunningServer, Client, Web]

test.before(async () => {
  web = await Web.start(() => {})
  server = await startServer([], plainEnvironment())
  client = await Client.connect(server.url)
})
test.before.each(() => {
  web.asked.length = 0
  client.notifications.length = client.messages.length = 0
})
test.after(async () => {
  await client.drop()
  await server.stop()
  await web.stop()
  assert.is(server.stderr(), '')
})

const stream = (requestId: string, target: string, more: object = {}): Promise<Answer> =>
  client.ask('http/request', { method: 'GET', url: web.url(target), requestId, streamResponse: true, ...more })

const deltas = (requestId: string): Delta[] =>
  client.notifications
    .filter(({ params }) => params['requestId'] === requestId)
    .map(({ params }) => params as unknown as Delta)

const bytesOf = (requestId: string): number =>
  deltas(requestId).reduce((sum, { deltaBase64 }) => sum + Buffer.byteLength(deltaBase64, 'base64'), 0)

const acknowledge = (requestId: string): Promise<object> =>
  client.request('http/acknowledge', { requestId, seq: deltas(requestId).at(-1)?.seq ?? 0 })

/** Round trips that nothing comes in meanwhile when there is nothing to come. */
const QUIET_ROUND_TRIPS = 20

/** Tells how much has come of a body once its peer has said all it can and no more comes. */
async function standstill(requestId: string, more: number): Promise<number> {
  await client.until(() => bytesOf(requestId) > more)
  const isDone = ({ writableNeedDrain, writableFinished }: Socket): boolean => writableNeedDrain || writableFinished
  await eventually(() => [...web.sockets].some(isDone), 30_000, 'a peer that is held back')
  let seen = -1
  for (let quiet = 0; quiet < QUIET_ROUND_TRIPS; quiet++) {
    await client.request('environment/status', null)
    if (bytesOf(requestId) !== seen) quiet = 0
    seen = bytesOf(requestId)
  }
  return seen
}

const resident = (): number =>
  Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.child.pid}/status`, 'latin1'))?.[1]) * 1024

const block = Buffer.alloc(64 * 1024, 'x')

const servePour = (total: number) => {
  web.serve = (_, socket) => {
    socket.write(head(200, [['content-length', total]]))
    pour(socket, total, block)
  }
}

/** Takes a body window by window. */
async function takeByWindows(total: number): Promise<void> {
  servePour(total)
  await stream('w', '/', { bodyWindow: 300_000 })
  const first = await standstill('w', 300_000)
  assert.ok(first > 300_000 && first <= 300_000 + 64 * 1024, String(first))
  assert.ok(web.written < total, 'the peer is held back')
  const before = resident()
  while (deltas('w').at(-1)?.done !== true) {
    const seen = deltas('w').length
    await acknowledge('w')
    await client.until(() => deltas('w').length > seen)
  }
  assert.is(bytesOf('w'), total)
  assert.equal(
    deltas('w').map(({ seq }) => seq),
    deltas('w').map((_, index) => index + 1),
  )
  assert.ok(resident() - before < 40 * MiB, `memory grew by ${(resident() - before) / MiB} MiB`)
}

test('a body stops at its window, comes on with every acknowledgement, and arrives whole', () =>
  takeByWindows(16 * MiB))

test.full('a body larger than what memory may grow by comes on with every acknowledgement', () =>
  takeByWindows(80 * MiB),
)

/** A hundred of them are four times what memory may grow by. */
const TAKEN = 4 * MiB

test('unread bodies cost little, and no other stream or call waits for them', async () => {
  servePour(TAKEN)
  const before = resident()
  for (let index = 0; index < 100; index++) await stream(`held-${index}`, '/', { bodyWindow: 64 * 1024 })
  await eventually(() => bytesOf('held-99') > 64 * 1024)
  assert.ok(resident() - before < 100 * MiB, `memory grew by ${(resident() - before) / MiB} MiB`)
  await client.request('environment/status', null)
  await stream('other', '/')
  await client.until(() => deltas('other').at(-1)?.done)
  assert.is(bytesOf('other'), TAKEN)
  const closed = web.closed
  for (let index = 0; index < 100; index++) await client.request('http/cancel', { requestId: `held-${index}` })
  await eventually(() => web.closed - closed >= 100)
})

test('cancelled, a request is answered with an error, a stream says no more, and the peer is let go', async () => {
  web.serve = ({ target }, socket) => {
    if (target === '/body') socket.write(`${head(200, [['content-length', 1000]])}half`)
    if (target === '/held') pour((socket.write(head(200)), socket), 20 * MiB, block)
  }
  for (const [target, more] of [
    ['/silent', {}],
    ['/body', {}],
    ['/held', { bodyWindow: 1000 }],
    ['/held', {}],
  ] as const) {
    const closed = web.closed
    web.asked.length = 0
    const answer = stream('c', target, more)
    await eventually(() => web.asked.length === 1)
    if (target !== '/silent') await eventually(() => deltas('c').length > 0)
    await client.request('http/cancel', { requestId: 'c' })
    const { error, result } = await answer
    assert.equal(target === '/silent' ? error?.code : result?.status, target === '/silent' ? -32603 : 200)
    const seen = deltas('c').length
    await eventually(() => web.closed > closed, 30_000, `the end of the connection for ${target}`)
    // What was still to be said would come before these.
    for (let count = 0; count < QUIET_ROUND_TRIPS; count++) await client.request('environment/status', null)
    assert.is(deltas('c').length, seen, target)
    assert.ok(deltas('c').every(({ done }) => !done))
    client.notifications.length = 0
  }
  web.serve = (_, socket) => socket.write(reply('again'))
  await stream('c', '/')
  await client.until(() => deltas('c').at(-1)?.done)
  assert.is(bytesOf('c'), 5)
})

test('a timeout ends a stream that is held, with an error, and lets the peer go', async () => {
  servePour(20 * MiB)
  const closed = web.closed
  await stream('t', '/', { bodyWindow: 1000, timeoutMs: 500 })
  const end = await client.until(() => deltas('t').find(({ done }) => done))
  assert.match(end.error ?? '', 'timed out after 500 ms')
  await eventually(() => web.closed > closed)
})

test('a peer that has said all before it is held is not lost', async () => {
  web.serve = (_, socket) => void socket.end(`${head(200)}${'x'.repeat(200_000)}`)
  await stream('e', '/', { bodyWindow: 1 })
  // All of it, and the end of the connection, are with the server.
  await standstill('e', 0)
  while (deltas('e').at(-1)?.done !== true) {
    const seen = deltas('e').length
    await acknowledge('e')
    await client.until(() => deltas('e').length > seen)
  }
  assert.equal([bytesOf('e'), deltas('e').at(-1)?.error], [200_000, null])
})

test.run()
