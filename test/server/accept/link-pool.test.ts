/** The links at `accept`: which client gets which, and whose devbox is served. */
import * as assert from 'uvu/assert'
import { createLinkPool } from '../../../src/server/accept/link-pool.ts'
import type { LinkLimits } from '../../../src/server/link/link-limits.ts'
import { linkLimits, linkPair } from '../../support/link.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const devbox = { instance: 'run-1', host: 'devbox' }
const other = { instance: 'run-2', host: 'other' }
const never = new AbortController().signal

function pool(changed: Partial<LinkLimits> = {}) {
  const events: string[] = []
  const limits = linkLimits(changed)
  const made = createLinkPool(limits, {
    connected: ({ host }) => events.push(`connected ${host}`),
    lost: ({ host }) => events.push(`lost ${host}`),
  })
  const add = async (from = devbox) => {
    const pair = await linkPair(limits)
    made.add(pair.accept, from)
    return pair
  }
  return { pool: made, add, events }
}
const reasonOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'taken',
    (error: Error) => error.message,
  )

test('each client gets a link of its own, those that wait in the order of their coming', async () => {
  const { pool: links, add, events } = pool({ clientWaitMs: 60_000 })
  const taken: unknown[] = []
  const clients = [1, 2].map(() => links.take(never).then((link) => taken.push(link)))
  const pairs = [await add(), await add()]
  await Promise.all(clients)
  assert.ok(taken.every((link, at) => link === pairs[at]?.accept))
  assert.equal(links.counts(), { waiting: 0, used: 2, clients: 0 })
  for (const { accept } of pairs) accept.destroy()
  await eventually(() => links.counts().used === 0)
  assert.equal(events, ['connected devbox', 'lost devbox'])
})

test('a client does not wait for ever, and not with too many others', async () => {
  const { pool: links } = pool({ clientWaitMs: 20, waitingClients: 2 })
  const leaving = new AbortController()
  const reasons = [links.take(never), links.take(leaving.signal), links.take(never)].map(reasonOf)
  leaving.abort()
  assert.equal(await Promise.all(reasons), [
    'no devbox is connected',
    'the client has gone',
    'too many clients wait for the devbox',
  ])
  assert.is(links.counts().clients, 0)
})

test('a link that has died without a word is given to no client', async () => {
  const { pool: links, add } = pool({ freshMs: 0, linkProbeMs: 200, clientWaitMs: 60_000 })
  const dead = await add()
  dead.devbox.carrier.pause()
  const taking = links.take(never)
  const alive = await add()
  // The ping of a later client reaches both.
  const also = reasonOf(links.take(AbortSignal.timeout(60_000)))
  assert.is(await taking, alive.accept)
  await eventually(() => dead.accept.destroyed)
  assert.match(dead.accept.errored?.message ?? '', 'ping unanswered')
  await add()
  assert.is(await also, 'taken')
})

test('one devbox is served at a time, and one that has died makes way', async () => {
  const { pool: links, add } = pool({ linkProbeMs: 50, waitingLinks: 2 })
  assert.is(links.refuse(devbox), undefined)
  const first = await add()
  assert.is(links.refuse(devbox), undefined)
  assert.is(links.refuse(other), 'another devbox is connected: devbox')
  assert.is(links.refuse({ ...devbox, instance: 'run-3' }), 'another devbox is connected: devbox, as an earlier run')
  await add()
  assert.is(links.refuse(devbox), 'enough links of this devbox wait')
  // Both answer the ping, and stay.
  await eventually(() => first.accept.isFresh(1000))
  assert.is(links.counts().waiting, 2)
  const { pool: silent, add: addSilent } = pool({ linkProbeMs: 50 })
  const gone = await addSilent()
  gone.devbox.carrier.pause()
  assert.match(silent.refuse(other) ?? '', 'another devbox')
  await eventually(() => silent.refuse(other) === undefined)
})

test('closing a pool closes every link', async () => {
  const { pool: links, add } = pool()
  const pairs = [await add(), await add()]
  await links.take(never)
  links.close(1001, 'accept stops')
  await eventually(() => pairs.every((pair) => pair.devbox.destroyed))
})

test.run()
