/**
 * Limits one connection's concurrent requests. Most finish by themselves; when too many of them run, or they are too
 * large, the connection is not read for a while. Others may wait indefinitely, for output or for an HTTP peer. Those
 * must not block a terminate behind them from being read, so their number is limited by refusing them.
 */
import { overloaded } from '../../protocol/wire/errors.ts'
import type { Limits } from '../base/limits.ts'

/** Requests of one connection, and the bytes of their messages. */
type Counts = { running: number; runningBytes: number; waiting: number; waitingBytes: number }

/** What one request counts for. */
export class LimiterShare {
  readonly #limits: Limits
  readonly #counts: Counts
  readonly #bytes: number
  #state: 'running' | 'waiting' | 'excluded' | 'ended' = 'running'

  /** Counts a request whose message has `bytes` bytes as running. */
  constructor(limits: Limits, counts: Counts, bytes: number) {
    this.#limits = limits
    this.#counts = counts
    this.#bytes = bytes
    counts.running++
    counts.runningBytes += bytes
  }

  /**
   * This request may wait indefinitely from now on.
   * @throws -32001, without any change, if too many do.
   */
  waits(): void {
    if (this.#state === 'waiting') return
    this.#checkRoom()
    this.#leave('waiting')
    this.#counts.waiting++
    this.#counts.waitingBytes += this.#bytes
  }

  /** Stops counting this request, because another limit applies to it. */
  exclude(): void {
    this.#leave('excluded')
  }

  /** The request has been answered. */
  end(): void {
    this.#leave('ended')
  }

  #checkRoom(): void {
    const { waitingRequests, waitingBytes } = this.#limits
    const counts = this.#counts
    if (counts.waiting >= waitingRequests)
      throw overloaded(`too many requests wait on this connection: ${waitingRequests} (--max-requests)`)
    // A single request of any size may wait if no other does.
    if (counts.waiting === 0 || counts.waitingBytes + this.#bytes <= waitingBytes) return
    throw overloaded(
      `the requests that wait on this connection are too large: together they may have ${waitingBytes} bytes`,
    )
  }

  #leave(next: 'waiting' | 'excluded' | 'ended'): void {
    const counts = this.#counts
    if (this.#state === 'running') {
      counts.running--
      counts.runningBytes -= this.#bytes
    } else if (this.#state === 'waiting') {
      counts.waiting--
      counts.waitingBytes -= this.#bytes
    }
    this.#state = next
  }
}

/** Counts running and waiting requests, and the bytes of their messages. */
export class RequestLimiter {
  readonly #limits: Limits
  readonly #counts: Counts = { running: 0, runningBytes: 0, waiting: 0, waitingBytes: 0 }

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Whether the connection should not be read for now. */
  get isFull(): boolean {
    const { runningRequests, messageBytes } = this.#limits
    return this.#counts.running >= runningRequests || this.#counts.runningBytes > 2 * messageBytes
  }

  /** Counts a request whose message has `bytes` bytes as running. */
  begin(bytes: number): LimiterShare {
    return new LimiterShare(this.#limits, this.#counts, bytes)
  }
}
