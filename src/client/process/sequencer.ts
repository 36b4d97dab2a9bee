/**
 * Puts the events of one process in order of sequence number. Notifications may overtake each other, and reads may
 * repeat events.
 */
import { ProtocolError } from '../base/errors.ts'
import type { ClosedEvent, ExitedEvent, OutputEvent } from '../base/types.ts'

/** An event that has a sequence number of its own. */
export type SequencedEvent = OutputEvent | ExitedEvent | ClosedEvent

/** Reorders and deduplicates events. */
export class Sequencer {
  readonly #bound: number
  readonly #publish: (event: SequencedEvent) => void
  readonly #early = new Map<number, SequencedEvent>()
  #last = 0

  /** `bound`: how many events may wait for a missing one. */
  constructor(bound: number, publish: (event: SequencedEvent) => void) {
    this.#bound = bound
    this.#publish = publish
  }

  /** The number of the last published event. */
  get last(): number {
    return this.#last
  }

  /** Whether events are waiting for a missing one. */
  get hasGap(): boolean {
    return this.#early.size > 0
  }

  has(seq: number): boolean {
    return seq <= this.#last || this.#early.has(seq)
  }

  /**
   * Publishes the event and those that waited for it. Ignores duplicates.
   * @throws {ProtocolError} If more than `bound` events wait.
   */
  accept(event: SequencedEvent): void {
    if (this.has(event.seq)) return
    if (event.seq !== this.#last + 1) {
      if (this.#early.size >= this.#bound)
        throw new ProtocolError(`event ${this.#last + 1} is missing, and ${this.#bound} after it have come`)
      this.#early.set(event.seq, event)
      return
    }
    for (let next: SequencedEvent | undefined = event; next !== undefined; next = this.#early.get(this.#last + 1)) {
      this.#early.delete(next.seq)
      this.#last = next.seq
      this.#publish(next)
    }
  }

  /** Gives up on missing events up to `seq`. */
  skipTo(seq: number): void {
    const early = [...this.#early.values()].sort((one, other) => one.seq - other.seq)
    for (const event of early) {
      if (event.seq > seq) break
      this.#early.delete(event.seq)
      this.#last = event.seq
      this.#publish(event)
    }
    this.#last = Math.max(this.#last, seq)
    const next = this.#early.get(this.#last + 1)
    if (next === undefined) return
    this.#early.delete(next.seq)
    this.accept(next)
  }
}
