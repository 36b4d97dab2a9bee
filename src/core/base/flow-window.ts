/**
 * A flow-control window: counts what was passed on to a client and not yet acknowledged. Pure arithmetic; the owner
 * knows the size of each part and stops while the window is full.
 */
export class FlowWindow {
  readonly #maxBytes: number
  readonly #maxParts: number
  #bytes = 0
  #parts = 0

  /** Full above `maxBytes` unacknowledged bytes or above `maxParts` unacknowledged parts of any size. */
  constructor(maxBytes: number, maxParts: number) {
    this.#maxBytes = maxBytes
    this.#maxParts = maxParts
  }

  /** Bytes charged and not acknowledged. */
  get bytes(): number {
    return this.#bytes
  }

  /** Parts charged and not acknowledged. */
  get parts(): number {
    return this.#parts
  }

  /** Counts a part of `bytes` bytes. */
  charge(bytes: number): void {
    this.#bytes += bytes
    this.#parts++
  }

  /** Takes back a part of `bytes` bytes, which the client has processed. */
  acknowledge(bytes: number): void {
    this.#bytes -= bytes
    this.#parts--
  }

  /**
   * Whether the window is full. `pendingBytes`: bytes that are still to be charged. `share`: the fraction of the window
   * to use, to save memory.
   */
  isFull(pendingBytes = 0, share = 1): boolean {
    return this.#bytes + pendingBytes > this.#maxBytes * share || this.#parts > this.#maxParts * share
  }
}
