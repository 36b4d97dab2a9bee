/**
 * Puts the events of one process in the order of their numbers, whatever way they come: notifications, which may overtake each
 * other, and reads that repeat what is known.
 */
import { ProtocolError } from '../base/errors.ts'
import type { ClosedEvent, ExitedEvent, OutputEvent } from '../base/types.ts'

export type SequencedEvent = OutputEvent | ExitedEvent | ClosedEvent

export class Sequencer {
  readonly #bound: number
  readonly #publish: (event: SequencedEvent) => void
  readonly #early = new Map<number, SequencedEvent>()
  #last = 0

  /** `bound`: how many events may wait for those before them. */
  constructor(bound: number, publish: (event: SequencedEvent) => void) {
    this.#bound = bound
    this.#publish = publish
  }

  /** The number of the last event that was published. */
  get last(): number {
    return this.#last
  }

  /** Whether events wait for one before them. */
  get hasGap(): boolean {
    return this.#early.size > 0
  }

  has(seq: number): boolean {
    return seq <= this.#last || this.#early.has(seq)
  }

  /** Publishes an event, and those that waited for it. One that is known already is passed over. */
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

  /** Gives the events up to `seq` up that have not come. */
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
