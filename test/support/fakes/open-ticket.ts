/** Tickets of a connection that is not there. */
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import type { Outcome } from '../../../src/core/base/observer.ts'
import { Requests } from '../../../src/core/rpc/requests.ts'
import type { Ticket } from '../../../src/core/rpc/ticket.ts'

/** A ticket, its connection's requests, and what it has caused so far. */
export type OpenTicket = {
  ticket: Ticket
  requests: Requests
  outcomes: Outcome[]
  faults: unknown[]
  /** How often the last request has ended. */
  idle(): number
}

/** Opens and tracks a ticket for a request of `bytes` bytes. */
export function openTicket(limits: Partial<Limits> = {}, bytes = 100): OpenTicket {
  const outcomes: Outcome[] = []
  const faults: unknown[] = []
  let idle = 0
  const requests = new Requests({
    limits: { ...defaultLimits, ...limits },
    queued: () => 0,
    report: (fault) => faults.push(fault),
    onIdle: () => idle++,
  })
  const ticket = requests.begin(
    { id: '1', method: 'environment/status', onOutcome: (outcome) => outcomes.push(outcome) },
    bytes,
  )
  requests.track(ticket)
  return { ticket, requests, outcomes, faults, idle: () => idle }
}
