/** The requests of one connection that are under way. */
import { internalError } from '../../protocol/wire/errors.ts'
import type { Limits } from '../base/limits.ts'
import { ResponseMemoryLimiter } from '../base/response-memory-limiter.ts'
import { RequestLimiter } from './request-limiter.ts'
import { Ticket } from './ticket.ts'
import type { TicketOptions, TicketOwner } from './ticket.ts'

/** Dependencies of {@link Requests}. */
export type RequestsOptions = {
  limits: Limits
  /** Bytes that the transport has queued. */
  queued: () => number
  /** Called with what a callback of a request has thrown. */
  report: (fault: unknown) => void
  /** Called when the last request has ended. */
  onIdle: () => void
}

/** Opens a ticket for each request. */
export class Requests implements TicketOwner {
  readonly #options: RequestsOptions
  readonly #limiter: RequestLimiter
  readonly #open = new Set<Ticket>()
  readonly responseMemory: ResponseMemoryLimiter
  isClosing = false

  constructor(options: RequestsOptions) {
    this.#options = options
    this.#limiter = new RequestLimiter(options.limits)
    this.responseMemory = new ResponseMemoryLimiter(options.limits.outboundTotal, options.queued)
  }

  /** Number of tracked requests that have not ended. */
  get size(): number {
    return this.#open.size
  }

  /** Whether the connection should not be read for now. */
  get isFull(): boolean {
    return this.#limiter.isFull
  }

  /** Opens a ticket for a request whose message has `bytes` bytes. */
  begin(options: TicketOptions, bytes: number): Ticket {
    return new Ticket(this, this.#limiter.begin(bytes), options)
  }

  /** A closing connection waits for this request from now on. Not for one that is answered at once: it costs time. */
  track(ticket: Ticket): void {
    this.#open.add(ticket)
  }

  /** Makes waiting requests respond, now and from now on. */
  close(): void {
    this.isClosing = true
    for (const ticket of this.#open) ticket.release()
  }

  /** The connection is gone: requests that wait for memory fail. */
  dispose(): void {
    this.close()
    this.responseMemory.refuse(internalError('the connection is gone'))
  }

  report(fault: unknown): void {
    this.#options.report(fault)
  }

  onEnded(ticket: Ticket): void {
    if (this.#open.delete(ticket) && this.#open.size === 0) this.#options.onIdle()
  }
}
