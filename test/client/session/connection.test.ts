import * as assert from 'uvu/assert'
import { Connection } from '../../../src/client/session/connection.ts'
import { defaultClientLimits } from '../../../src/client/base/limits.ts'
import { RpcError } from '../../../src/client/base/errors.ts'
import { test } from '../../support/suite.ts'
import { manualTimers } from '../../e2e/client/support/manual-timers.ts'

function open(limits = {}) {
  const sent: string[] = []
  const notified: unknown[] = []
  const lost: string[] = []
  const outcomes: unknown[] = []
  let closed = 0
  let pings = 0
  const connection = new Connection(
    { ...defaultClientLimits, ...limits },
    { notification: (method, params) => notified.push([method, params]), lost: (reason) => lost.push(reason) },
  )
  connection.opened({ send: (text) => sent.push(text), ping: () => void pings++, close: async () => void closed++ })
  const ask = (method: string): void =>
    connection.request(method, null, {
      resolve: (result) => outcomes.push(result),
      reject: (error) => outcomes.push(error),
      lost: (reason) => outcomes.push(`lost: ${reason}`),
    })
  return { connection, sent, notified, lost, outcomes, ask, closed: () => closed, pings: () => pings }
}

test('requests are numbered from 1, and answers find theirs in any order', () => {
  const { connection, sent, outcomes, ask } = open()
  ask('a')
  ask('b')
  assert.equal(sent, ['{"id":1,"method":"a","params":null}', '{"id":2,"method":"b","params":null}'])
  connection.message('{"id":2,"result":"two"}')
  connection.message('{"id":1,"error":{"code":-32602,"message":"no"}}')
  assert.is(outcomes[0], 'two')
  assert.ok(outcomes[1] instanceof RpcError && outcomes[1].code === -32602)
})

test('responses without a request, repeated responses and unknown notifications are ignored', () => {
  const { connection, lost, notified, outcomes, ask } = open()
  ask('a')
  for (const text of [
    '{"id":9,"result":1}',
    '{"id":-1,"error":{"code":-32600,"message":"?"}}',
    '{"id":1,"result":1}',
    '{"id":1,"result":2}',
    '{"method":"x/y","params":{"z":1}}',
  ])
    connection.message(text)
  assert.equal([outcomes, lost, notified], [[1], [], [['x/y', { z: 1 }]]])
})

for (const text of ['nonsense', '[]x', '7', 'null', '{"id":1,"error":{}}', '{"id":1,"error":"no"}']) {
  test(`a peer that sends ${text} is disconnected, and pending requests are notified`, () => {
    const { connection, lost, outcomes, ask, closed } = open()
    ask('a')
    connection.message(text)
    assert.is(lost.length, 1)
    assert.match(lost[0] as string, /broke the protocol/)
    assert.match(outcomes[0] as string, /^lost: /)
    assert.is(closed(), 1)
  })
}

test('an error that says the connection is gone ends it', () => {
  const { connection, lost, outcomes, ask } = open()
  ask('a')
  connection.message('{"id":1,"error":{"code":-32000,"message":"JSON-RPC transport closed"}}')
  assert.equal([lost.length, outcomes.length], [1, 1])
  assert.match(outcomes[0] as string, /^lost: /)
})

test('a request of the server is answered: this client has no methods', () => {
  const { connection, sent, lost } = open()
  connection.message('{"id":"p-1","method":"network/policyRequest","params":{}}')
  assert.equal([JSON.parse(sent[0] as string).error.code, JSON.parse(sent[0] as string).id, lost], [-32601, 'p-1', []])
})

test('a handler that fails ends the connection, and so does nothing that comes after', () => {
  const lost: string[] = []
  const connection = new Connection(defaultClientLimits, {
    notification: () => {
      throw new Error('params that make no sense')
    },
    lost: (reason) => lost.push(reason),
  })
  connection.opened({ send: () => {}, close: async () => {} })
  connection.message('{"method":"process/output","params":null}')
  connection.message('{"method":"process/output","params":null}')
  connection.closed('the connection was cut')
  assert.is(lost.length, 1)
  assert.match(lost[0] as string, /params that make no sense/)
})

test('after the end a request is notified at once', () => {
  const { connection, outcomes, ask } = open()
  connection.closed('gone')
  ask('a')
  assert.equal(outcomes, ['lost: gone'])
})

test('a silent peer is asked for a sign of life, and given up without one', async () => {
  const time = manualTimers()
  const silent = open({ pingIntervalMs: 30, pingTimeoutMs: 30 })
  silent.connection.watch(() => {})
  time.advance(59)
  assert.equal([silent.lost.length, silent.pings()], [0, 1])
  time.advance(341)
  assert.equal([silent.lost.length, silent.pings()], [1, 1])
  assert.match(silent.lost[0] as string, /no sign of life/)
  const talking = open({ pingIntervalMs: 30, pingTimeoutMs: 30 })
  talking.connection.watch(() => {})
  for (let turn = 0; turn < 40; turn++) {
    talking.connection.alive()
    time.advance(10)
  }
  assert.equal(talking.lost, [])
  await talking.connection.close()
})

test('silence counts from the last message, so that a loss is noticed within 20 s', () => {
  const time = manualTimers()
  const { connection, lost } = open({})
  connection.watch(() => {})
  // At the worst a message comes just after the look that would have missed it.
  time.advance(1501)
  connection.alive()
  time.advance(20_000)
  assert.is(lost.length, 1)
})

test('a paused connection does not time out', () => {
  const time = manualTimers()
  let pauses = 0
  const lost: string[] = []
  const connection = new Connection(
    { ...defaultClientLimits, pingIntervalMs: 30, pingTimeoutMs: 30 },
    { notification: () => {}, lost: (reason) => lost.push(reason) },
  )
  connection.opened({
    send: () => {},
    ping: () => {},
    pause: () => void pauses++,
    resume: () => void pauses--,
    close: async () => {},
  })
  connection.watch(() => {})
  connection.setPaused(true)
  time.advance(400)
  assert.equal([lost, pauses], [[], 1])
  connection.setPaused(false)
  time.advance(400)
  assert.equal([lost.length, pauses], [1, 0])
})

test.run()
