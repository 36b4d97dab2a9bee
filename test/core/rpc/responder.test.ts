import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import { silentObserver } from '../../../src/core/base/observer.ts'
import { textOutbox } from '../../../src/core/base/outbox.ts'
import { Responder } from '../../../src/core/rpc/responder.ts'
import { ErrorCode, invalidRequest } from '../../../src/protocol/wire/errors.ts'
import { ManualClock, settled } from '../../support/fakes/manual-clock.ts'
import { MemoryTransport } from '../../support/fakes/memory-transport.ts'
import { openTicket } from '../../support/fakes/open-ticket.ts'
import { test } from '../../support/suite.ts'

function setup(limits: Partial<Limits> = {}) {
  const transport = new MemoryTransport()
  const observer = silentObserver()
  const reported: unknown[] = []
  const host = { report: (fault: unknown) => void reported.push(fault) }
  const clock = new ManualClock()
  const responder = new Responder(textOutbox(transport), {
    clock,
    host,
    observer,
    limits: { ...defaultLimits, ...limits },
    source: transport.source,
  })
  return { clock, transport, observer, reported, responder, ...openTicket(limits) }
}

test('a response is sent, then what follows runs, then the observer learns the outcome', () => {
  const { transport, responder, ticket, requests, outcomes } = setup()
  const seen: unknown[] = []
  ticket.afterResponse(() => seen.push(transport.messages.length, outcomes.length))
  responder.succeed(ticket, { a: 1 })
  assert.equal(seen, [1, 0])
  assert.equal(transport.messages, ['{"id":1,"result":{"a":1}}'])
  assert.equal([outcomes, requests.size], [[{ result: { a: 1 } }], 0])
})

test('a long list is encoded in several turns, and what is short in none', async () => {
  const { clock, transport, responder, ticket, outcomes } = setup()
  const list = Array.from({ length: 5000 }, (_, index) => ({ index }))
  // Each look at the clock takes longer than a turn may.
  clock.now = () => (time += 3)
  let time = 0
  const later = responder.succeedInTurns(ticket, { list })
  assert.ok(later)
  let turns = 0
  for (; transport.messages.length === 0 && turns < 100; turns++) {
    clock.turn()
    await settled()
  }
  await later
  assert.ok(turns >= 5 && turns < 10, `${turns}`)
  assert.equal(transport.messages, [JSON.stringify({ id: 1, result: { list } })])
  assert.is(outcomes.length, 1)

  const other = setup()
  assert.is(other.responder.succeedInTurns(other.ticket, { list: [] }), undefined)
  assert.equal(other.transport.messages, ['{"id":1,"result":{"list":[]}}'])
})

test('a request is answered once, with the first of two', () => {
  const { transport, responder, ticket, outcomes } = setup()
  responder.succeed(ticket, {})
  responder.fail(ticket, invalidRequest('late'))
  assert.equal(transport.messages, ['{"id":1,"result":{}}'])
  assert.equal(outcomes, [{ result: {} }])
})

test('a failed send ends the request: what follows runs, and the observer learns of an error', () => {
  const { transport, responder, ticket, requests, outcomes, reported } = setup()
  const fault = new Error('the socket is broken')
  transport.send = () => {
    throw fault
  }
  let calls = 0
  ticket.afterResponse(() => calls++)
  assert.throws(() => responder.succeed(ticket, {}), /broken/)
  assert.equal([requests.size, calls, outcomes.length], [0, 1, 0])
  responder.fail(ticket, fault)
  assert.equal(reported, [fault])
  assert.equal(outcomes, [{ error: { code: ErrorCode.Internal, message: 'internal error', cause: fault } }])
})

test('a result that is no JSON leaves the request open, to be answered with an error', () => {
  const { transport, responder, ticket, requests } = setup()
  const circular: { self?: unknown } = {}
  circular.self = circular
  assert.throws(() => responder.succeed(ticket, circular))
  assert.is(requests.size, 1)
  responder.fail(ticket, new Error('circular'))
  assert.is(requests.size, 0)
  assert.match(transport.messages[0] ?? '', /"internal error"/)
})

test('a response larger than a message becomes an error', () => {
  const { transport, responder, ticket, observer } = setup({ messageBytes: 50 })
  responder.succeed(ticket, { text: 'x'.repeat(50) })
  assert.match(transport.messages[0] ?? '', /the answer is larger than 50 bytes/)
  assert.equal([...observer.totals.errors], [[ErrorCode.InvalidRequest, 1]])
})

test('once it is stopped nothing is sent, and requests still end', () => {
  const { transport, responder, ticket, requests, outcomes } = setup()
  responder.stop()
  responder.succeed(ticket, {})
  assert.equal([transport.messages, requests.size, outcomes.length], [[], 0, 1])
})

test.run()
