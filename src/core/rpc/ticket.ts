/**
 * One request under way, from its arrival until its response has been queued and what follows the response has run.
 * While it is open and tracked, a closing connection waits for it.
 */
import type { IdText } from '../../protocol/wire/envelope.ts'
import type { Outcome } from '../base/observer.ts'
import type { ResponseMemoryLimiter } from '../base/response-memory-limiter.ts'
import type { LimiterShare } from './request-limiter.ts'

/** What a ticket needs to know of its connection. */
export type TicketOwner = {
  readonly responseMemory: ResponseMemoryLimiter
  /** Whether the connection is closing or gone, so that no request may wait. */
  readonly isClosing: boolean
  /** Called with what a callback of a ticket has thrown. */
  report(fault: unknown): void
  /** The ticket has ended. */
  onEnded(ticket: Ticket): void
}

/** What identifies a request, and who is interested in its outcome. */
export type TicketOptions = {
  id: IdText
  /** A known method, or `unknown`. */
  method: string
  /** The observer's callback for the outcome. */
  onOutcome: ((outcome: Outcome) => void) | undefined
}

/** The state of one request. Handlers use it to say how they run; the responder answers and ends it. */
export class Ticket {
  readonly id: IdText
  readonly method: string
  readonly #owner: TicketOwner
  readonly #share: LimiterShare
  #onOutcome: TicketOptions['onOutcome']
  #onRelease: (() => void) | undefined
  /** Created on first use: most requests need none. */
  #followUps: (() => void)[] | undefined
  #reservedBytes = 0
  #state: 'open' | 'answered' | 'ended' = 'open'

  constructor(owner: TicketOwner, share: LimiterShare, { id, method, onOutcome }: TicketOptions) {
    this.id = id
    this.method = method
    this.#owner = owner
    this.#share = share
    this.#onOutcome = onOutcome
  }

  // ---- for handlers ----

  /**
   * This request may wait indefinitely from now on.
   * @throws -32001 if too many of this connection do.
   */
  waits(): void {
    this.#share.waits()
  }

  /** Stops counting this request as running, because another limit applies to it. */
  excludeFromLimit(): void {
    this.#share.exclude()
  }

  /**
   * Calls `call` when the connection closes or is about to: a waiting request must then respond. Replaces an earlier
   * callback.
   */
  onRelease(call: () => void): void {
    this.#onRelease = call
    // Not at once: the caller may not be ready.
    if (this.#owner.isClosing) queueMicrotask(() => this.release())
  }

  /** Calls `call` once the response of this request has been queued, after earlier such callbacks. */
  afterResponse(call: () => void): void {
    this.#followUps ??= []
    this.#followUps.push(call)
  }

  /**
   * Reserves memory for a response of about `bytes` bytes; released when the response has been queued. Undefined:
   * available at once. Rejects if the connection is gone.
   */
  reserve(bytes: number): Promise<void> | undefined {
    this.#reservedBytes += bytes
    return this.#owner.responseMemory.reserve(bytes)
  }

  // ---- for the connection ----

  /** Calls and forgets the callback of `onRelease`. */
  release(): void {
    const call = this.#onRelease
    this.#onRelease = undefined
    call?.()
  }

  /** Returns whether the request may be answered now: false if it has been. */
  answer(): boolean {
    if (this.#state !== 'open') return false
    this.#state = 'answered'
    return true
  }

  /** Runs what follows the response, in order, and releases everything that the request occupies. Once. */
  end(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#onRelease = undefined
    if (this.#followUps !== undefined) for (const call of this.#followUps) this.#run(call)
    if (this.#reservedBytes > 0) this.#owner.responseMemory.release(this.#reservedBytes)
    this.#share.end()
    this.#owner.onEnded(this)
  }

  /** Reports the outcome to the observer, once. */
  conclude(outcome: Outcome): void {
    const call = this.#onOutcome
    this.#onOutcome = undefined
    call?.(outcome)
  }

  #run(call: () => void): void {
    try {
      call()
    } catch (fault) {
      this.#owner.report(fault)
    }
  }
}
