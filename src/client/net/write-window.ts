/** The client's side of what it writes to one network connection: it keeps within the window that the server gave. */
import { FlowWindow } from '../../core/base/flow-window.ts'
import type { WriteWindow as Given } from '../../protocol/schemas/net.ts'

/** Waits for room, in order. One writer at a time. */
export class WriteWindow {
  /** Bytes of the largest write. */
  readonly maxBytes: number
  readonly #flow: FlowWindow
  /** Sizes of the writes that the peer has not taken. */
  readonly #sizes: number[] = []
  #count = 0
  #wake: (() => void) | undefined
  #error: { reason: unknown } | undefined

  constructor({ window, maxWrites }: Given) {
    this.maxBytes = window
    // It is full at the limit of writes already: the next one would be beyond it.
    this.#flow = new FlowWindow(window, maxWrites - 1)
  }

  /**
   * Resolves once so many bytes may be written, which then count as written.
   * @throws what `fail` was called with
   */
  async reserve(bytes: number): Promise<void> {
    while (this.#error === undefined && this.#flow.isFull(bytes))
      await new Promise<void>((resolve) => (this.#wake = resolve))
    if (this.#error !== undefined) throw this.#error.reason
    this.#count++
    this.#sizes.push(bytes)
    this.#flow.charge(bytes)
  }

  /** The peer has taken the writes up to and including number `seq`, from 1. */
  taken(seq: number): void {
    const before = this.#count - this.#sizes.length
    for (const size of this.#sizes.splice(0, seq - before)) this.#flow.acknowledge(size)
    this.#wake?.()
  }

  /** Nothing may be written any more. */
  fail(reason: unknown): void {
    this.#error ??= { reason }
    this.#wake?.()
  }
}
