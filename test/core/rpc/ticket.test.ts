import * as assert from 'uvu/assert'
import { settled } from '../../support/fakes/manual-clock.ts'
import { openTicket } from '../../support/fakes/open-ticket.ts'
import { test } from '../../support/suite.ts'

test('a request may be answered once', () => {
  const { ticket } = openTicket()
  assert.ok(ticket.answer())
  assert.not(ticket.answer())
  ticket.end()
  assert.not(ticket.answer())
})

test('a request that has ended without an answer gets none', () => {
  const { ticket } = openTicket()
  ticket.end()
  assert.not(ticket.answer())
})

test('a request ends once: what it occupies is given back once, and what follows runs once', () => {
  const { ticket, requests, idle } = openTicket({ runningRequests: 1, outboundTotal: 1000 })
  let calls = 0
  ticket.afterResponse(() => calls++)
  assert.is(ticket.reserve(900), undefined)
  assert.ok(requests.isFull)
  ticket.end()
  const other = requests.begin({ id: '2', method: 'x', onOutcome: undefined }, 1)
  requests.track(other)
  assert.is(other.reserve(900), undefined)
  ticket.end()
  assert.equal([calls, requests.size, requests.isFull, idle()], [1, 1, true, 1])
  assert.instance(requests.responseMemory.reserve(900), Promise, 'the memory of the other is not given back')
})

test('what follows the response runs in order, and before the request counts as ended', () => {
  const { ticket, requests, idle } = openTicket()
  const order: unknown[] = []
  ticket.afterResponse(() => order.push('first', requests.size, idle()))
  ticket.afterResponse(() => order.push('second'))
  ticket.end()
  assert.equal(order, ['first', 1, 0, 'second'])
  assert.is(idle(), 1)
})

test('what follows and fails is reported, and the rest still runs', () => {
  const { ticket, faults, requests } = openTicket()
  const fault = new Error('no listener')
  let calls = 0
  ticket.afterResponse(() => {
    throw fault
  })
  ticket.afterResponse(() => calls++)
  ticket.end()
  assert.equal([faults, calls, requests.size], [[fault], 1, 0])
})

test('the observer learns one outcome, the first', () => {
  const { ticket, outcomes } = openTicket()
  ticket.conclude({ result: {} })
  ticket.conclude({ error: { code: -1, message: '', cause: undefined } })
  assert.equal(outcomes, [{ result: {} }])
})

test('memory that a request has reserved is free for the next when it ends', async () => {
  const { ticket, requests } = openTicket({ outboundTotal: 1000 })
  assert.is(ticket.reserve(600), undefined)
  const next = requests.begin({ id: '2', method: 'x', onOutcome: undefined }, 1)
  let granted = false
  void next.reserve(600)?.then(() => (granted = true))
  await settled()
  assert.not(granted)
  ticket.end()
  await settled()
  assert.ok(granted)
})

test('a closing connection releases a request that waits, once', () => {
  const { ticket, requests } = openTicket()
  let released = 0
  ticket.onRelease(() => released++)
  requests.close()
  requests.close()
  requests.dispose()
  assert.is(released, 1)
})

test('a request that comes to its wait on a closing connection is released, but not before it waits', async () => {
  const { ticket, requests } = openTicket()
  requests.close()
  let released = 0
  ticket.onRelease(() => released++)
  assert.is(released, 0)
  await settled()
  assert.is(released, 1)
})

test('a request that has ended is not released', () => {
  const { ticket, requests } = openTicket()
  let released = 0
  ticket.onRelease(() => released++)
  ticket.end()
  requests.close()
  assert.is(released, 0)
})

test.run()
