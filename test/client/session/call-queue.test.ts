import * as assert from 'uvu/assert'
import { DisconnectedError } from '../../../src/client/base/errors.ts'
import { defaultClientLimits } from '../../../src/client/base/limits.ts'
import type { ClientLimits } from '../../../src/client/base/limits.ts'
import { CallQueue } from '../../../src/client/session/call-queue.ts'
import { Connection } from '../../../src/client/session/connection.ts'
import { ServerProfile } from '../../../src/client/session/server-profile.ts'
import { test } from '../../support/suite.ts'

/** A queue and its connection; `sent` names the methods that were sent, `outcomes` how the calls ended. */
function open(overrides: Partial<ClientLimits> = {}) {
  const limits = { ...defaultClientLimits, ...overrides }
  const sent: string[] = []
  const outcomes: string[] = []
  const connect = (): Connection => {
    const connection = new Connection(limits, { notification: () => {}, lost: () => {} })
    connection.opened({ send: (text) => sent.push(JSON.parse(text).method), close: async () => {} })
    return connection
  }
  let connection: Connection | undefined = connect()
  const queue = new CallQueue({
    limits,
    profile: new ServerProfile(),
    connection: () => connection,
    onChange: () => {},
  })
  const call = (method: string, options = {}): void =>
    void queue.add(method, null, options).then(
      (result) => outcomes.push(`${method}: ${result}`),
      (error: Error) => outcomes.push(`${method}: ${error.message}`),
    )
  const answer = async (id: number): Promise<void> => {
    connection?.message(`{"id":${id},"result":"done"}`)
    await turn()
  }
  const lose = (): void => {
    connection?.closed('cut')
    connection = undefined
  }
  const reconnect = (): void => queue.resume((connection = connect()))
  return { queue, sent, outcomes, call, answer, lose, reconnect }
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

test('calls beyond the limit wait in order, and urgent ones overtake them', async () => {
  const { sent, call, answer, outcomes } = open({ callsInFlight: 1 })
  for (const method of ['a', 'b', 'c']) call(method)
  call('urgent', { urgent: true })
  assert.equal(sent, ['a', 'urgent'])
  await answer(2)
  assert.equal(sent, ['a', 'urgent'])
  await answer(1)
  await answer(3)
  assert.equal(sent, ['a', 'urgent', 'b', 'c'])
  assert.equal(outcomes, ['urgent: done', 'a: done', 'b: done'])
})

test('after a lost connection repeatable calls are sent again, others fail, and new ones wait', async () => {
  const { queue, sent, call, outcomes, lose, reconnect, answer } = open()
  call('read', { repeatable: true })
  call('write')
  lose()
  call('new')
  await turn()
  assert.equal(outcomes, ['write: the connection to the exec-server was lost: cut'])
  assert.ok(queue.isBusy && queue.isCalling('write', 'read') && !queue.isCalling('new'))
  reconnect()
  await answer(1)
  await answer(2)
  assert.equal(sent, ['read', 'write', 'read', 'new'])
  assert.equal(outcomes.slice(1), ['read: done', 'new: done'])
  assert.not.ok(queue.isBusy)
})

test('a waiting call that is tied to the lost connection fails; an aborted one is never sent', async () => {
  const { queue, sent, call, outcomes, lose, reconnect } = open({ callsInFlight: 1 })
  const abort = new AbortController()
  call('first', { repeatable: true })
  call('tied', { connection: 1 })
  call('aborted', { signal: abort.signal })
  lose()
  queue.failTied(new DisconnectedError('cut'))
  abort.abort(new Error('no longer needed'))
  reconnect()
  await turn()
  assert.equal(sent, ['first', 'first'])
  assert.equal(outcomes, ['tied: the connection to the exec-server was lost: cut', 'aborted: no longer needed'])
})

test('too many waiting calls are refused, and the end fails all of them', async () => {
  const { queue, call, outcomes } = open({ callsInFlight: 1, callsWaiting: 1 })
  for (const method of ['sent', 'waiting', 'refused']) call(method)
  await turn()
  assert.equal(outcomes, ['refused: 1 calls are waiting already'])
  queue.failAll(new Error('over'))
  await turn()
  assert.equal(outcomes.slice(1), ['sent: over', 'waiting: over'])
})

test.run()
