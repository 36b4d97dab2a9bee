/**
 * The requests that one connection has under way. Most end by themselves; when there are too many of these, or too
 * large ones, the connection is not read for a while. Some may wait without end, for output that never comes or for a
 * peer that never answers. Those must not keep a terminate behind them from being read, so they are bounded by refusal.
 */
import { overloaded } from '../../protocol/wire/errors.ts'
import type { Limits } from '../base/limits.ts'

export type RequestTicket = {
  /** From here on this request may wait without end. Throws, and changes nothing, if too many do. */
  waits(): void
  /** The same for one that is bounded elsewhere. */
  excludeFromLimit(): void
  /** It has been answered. */
  end(): void
}

export class RequestLimiter {
  readonly #limits: Limits
  #running = 0
  #runningBytes = 0
  #waiting = 0
  #waitingBytes = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Whether so much runs that no more should be read. */
  get isFull(): boolean {
    const { runningRequests, messageBytes } = this.#limits
    return this.#running >= runningRequests || this.#runningBytes > 2 * messageBytes
  }

  /** A request has come, in a message of so many bytes. */
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
    // Whatever its size, one may if no other does.
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
