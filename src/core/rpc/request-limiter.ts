/**
 * Limits one connection's concurrent requests. Most finish by themselves; when too many of them run, or they are too
 * large, the connection is not read for a while. Others may wait indefinitely, for output or for an HTTP peer. Those
 * must not block a terminate behind them from being read, so their number is limited by refusing them.
 */
import { overloaded } from '../../protocol/wire/errors.ts'
import type { Limits } from '../base/limits.ts'

/** The accounting of one request. */
export type RequestTicket = {
  /**
   * This request may wait indefinitely from now on.
   * @throws -32001, without any change, if too many do.
   */
  waits(): void
  /** Stops counting this request, because another limit applies to it. */
  excludeFromLimit(): void
  /** The request has been answered. */
  end(): void
}

/** Counts running and waiting requests, and the bytes of their messages. */
export class RequestLimiter {
  readonly #limits: Limits
  #running = 0
  #runningBytes = 0
  #waiting = 0
  #waitingBytes = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Whether the connection should not be read for now. */
  get isFull(): boolean {
    const { runningRequests, messageBytes } = this.#limits
    return this.#running >= runningRequests || this.#runningBytes > 2 * messageBytes
  }

  /** Counts a request whose message has `bytes` bytes as running. */
  begin(bytes: number): RequestTicket {
    let state: 'running' | 'waiting' | 'aside' | 'ended' = 'running'
    this.#run(1, bytes)
    const leave = (next: typeof state): void => {
      if (state === 'running') this.#run(-1, -bytes)
      else if (state === 'waiting') this.#wait(-1, -bytes)
      state = next
    }
    return {
      waits: () => {
        if (state === 'waiting') return
        this.#checkRoom(bytes)
        leave('waiting')
        this.#wait(1, bytes)
      },
      excludeFromLimit: () => leave('aside'),
      end: () => leave('ended'),
    }
  }

  #checkRoom(bytes: number): void {
    const { waitingRequests, waitingBytes } = this.#limits
    if (this.#waiting >= waitingRequests)
      throw overloaded(`too many requests wait on this connection: ${waitingRequests} (--max-requests)`)
    // A single request of any size may wait if no other does.
    if (this.#waiting === 0 || this.#waitingBytes + bytes <= waitingBytes) return
    throw overloaded(
      `the requests that wait on this connection are too large: together they may have ${waitingBytes} bytes`,
    )
  }

  #run(requests: number, bytes: number): void {
    this.#running += requests
    this.#runningBytes += bytes
  }

  #wait(requests: number, bytes: number): void {
    this.#waiting += requests
    this.#waitingBytes += bytes
  }
}
