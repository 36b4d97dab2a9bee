/** Real sockets against limits of a few. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { limitSockets } from '../../../src/server/http/socket-limits.ts'
import { defaultServerLimits } from '../../../src/server/limits.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

type Pair = { near: Socket; far: Socket; isAdmitted: boolean }

/** Opens sockets one after the other; `far` is the server's end. */
async function setup(limits: { connections: number; pendingSockets: number }) {
  const sockets = limitSockets({ ...defaultServerLimits, ...limits })
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const open = async (): Promise<Pair> => {
    const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
    near.on('error', () => {})
    near.resume()
    const [far] = (await once(server, 'connection')) as [Socket]
    const isAdmitted = sockets.admit(far)
    atEnd(() => {
      near.destroy()
      far.destroy()
    })
    return { near, far, isAdmitted }
  }
  const openAll = async (count: number): Promise<Pair[]> => {
    const pairs: Pair[] = []
    for (let index = 0; index < count; index++) pairs.push(await open())
    return pairs
  }
  atEnd(() => server.close())
  return { sockets, open, openAll }
}

const destroyed = (pairs: readonly Pair[]): boolean[] => pairs.map(({ far }) => far.destroyed)

test('silent sockets keep nobody out: the oldest gives way to a new one', async () => {
  const { open, openAll } = await setup({ connections: 10, pendingSockets: 3 })
  const silent = await openAll(5)
  assert.ok(silent.every(({ isAdmitted }) => isAdmitted))
  assert.equal(destroyed(silent), [true, true, false, false, false])
  assert.ok((await open()).isAdmitted)
  await eventually(() => silent[0]?.near.closed === true)
})

test('the oldest of the most frequent kind gives way, so that a crowd of one kind harms none of another', async () => {
  const { sockets, openAll } = await setup({ connections: 10, pendingSockets: 6 })
  const [asking, upgraded] = (await openAll(2)) as [Pair, Pair]
  sockets.heard(asking.far)
  sockets.heard(upgraded.far)
  sockets.upgraded(upgraded.far)
  const silent = await openAll(20)
  assert.equal(destroyed([asking, upgraded]), [false, false])
  assert.is(destroyed(silent).filter((each) => !each).length, 4)
  // And the other way round.
  for (const { far } of silent) if (!far.destroyed) sockets.upgraded(far)
  const late = await openAll(3)
  assert.equal(destroyed([asking, ...late]), [false, false, false, false])
  assert.ok(upgraded.far.destroyed)
})

test('clients that have initialized never give way, and only they count towards the limit of connections', async () => {
  const { sockets, open, openAll } = await setup({ connections: 2, pendingSockets: 3 })
  const clients = await openAll(2)
  for (const { far } of clients) sockets.upgraded(far)
  sockets.initialized((clients[0] as Pair).far)
  const silent = await openAll(6)
  assert.ok(silent.every(({ isAdmitted }) => isAdmitted))
  assert.not((clients[0] as Pair).far.destroyed)
  const [second] = (await openAll(1)) as [Pair]
  sockets.upgraded(second.far)
  sockets.initialized(second.far)
  const refused = await open()
  assert.not(refused.isAdmitted)
  second.near.destroy()
  await eventually(() => second.far.destroyed)
  assert.ok((await open()).isAdmitted)
  assert.not((clients[0] as Pair).far.destroyed)
})

test('of the sockets that wait while the last place is taken, none becomes a client', async () => {
  const { sockets, openAll } = await setup({ connections: 1, pendingSockets: 3 })
  const [first, second] = (await openAll(2)) as [Pair, Pair]
  for (const { far } of [first, second]) sockets.upgraded(far)
  assert.ok(sockets.initialized(first.far))
  assert.not(sockets.initialized(second.far))
  first.near.destroy()
  await eventually(() => first.far.destroyed)
  assert.ok(sockets.initialized(second.far))
})

test.run()
