import * as assert from 'uvu/assert'
import { settled } from '../../support/fakes/manual-clock.ts'
import { openTicket } from '../../support/fakes/open-ticket.ts'
import { test } from '../../support/suite.ts'

test('a connection is idle when its last request has ended, whatever the order', () => {
  const { ticket, requests, idle } = openTicket()
  const second = requests.begin({ id: '2', method: 'x', onOutcome: undefined }, 1)
  requests.track(second)
  requests.begin({ id: '3', method: 'answered at once', onOutcome: undefined }, 1).end()
  ticket.end()
  assert.equal([requests.size, idle()], [1, 0])
  second.end()
  assert.equal([requests.size, idle()], [0, 1])
})

test('requests of a connection that is gone do not wait for memory, and get none', async () => {
  const { ticket, requests } = openTicket({ outboundTotal: 1000 })
  ticket.reserve(900)
  const reservation = ticket.reserve(900)
  let outcome = 'waiting'
  reservation?.then(
    () => (outcome = 'granted'),
    (error: unknown) => (outcome = String(error)),
  )
  requests.close()
  await settled()
  assert.is(outcome, 'waiting')
  requests.dispose()
  await settled()
  assert.match(outcome, 'the connection is gone')
})

test.run()
