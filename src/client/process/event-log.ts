/**
 * The latest events of one process, for those who come late or are slow, and those who read them. Bounded: the oldest go first,
 * whoever has not read them.
 */
import type { SequencedEvent } from './sequencer.ts'
import type { ClosedEvent, ExitedEvent } from '../base/types.ts'

/** Someone who reads, and how far. */
export type Reader = { afterSeq: number; wake: () => void }

export type LogBounds = {
  /** What is kept for those who come late. */
  replay: { events: number; bytes: number }
  /** What is kept for those who have yet to take it. */
  unread: { events: number; bytes: number }
}

type Entry = { event: SequencedEvent /** Bytes of output up to and with this one. */; total: number }

export class EventLog {
  readonly #bounds: LogBounds
  readonly #entries: Entry[] = []
  readonly #readers = new Set<Reader>()
  #first = 0
  #bytes = 0
  #total = 0
  #lastSeq = 0
  /** These two are kept however old. */
  exited: ExitedEvent | undefined
  closed: ClosedEvent | undefined

  constructor(bounds: LogBounds) {
    this.#bounds = bounds
  }

  append(event: SequencedEvent): void {
    const size = sizeOf(event)
    this.#total += size
    this.#bytes += size
    this.#lastSeq = event.seq
    if (event.type === 'exited') this.exited = event
    if (event.type === 'closed') this.closed = event
    this.#entries.push({ event, total: this.#total })
    this.trim()
    this.wake()
  }

  /** Lets go of what is beyond the bounds. */
  trim(): void {
    const { replay, unread } = this.#bounds
    while (this.#exceeds(replay) && (this.#exceeds(unread) || this.#isTaken())) this.#evict()
  }

  #exceeds({ events, bytes }: { events: number; bytes: number }): boolean {
    return this.#length > events || (this.#bytes > bytes && this.#length > 1)
  }

  /** Whether every reader has taken the oldest. */
  #isTaken(): boolean {
    const { seq } = (this.#entries[this.#first] as Entry).event
    for (const { afterSeq } of this.#readers) if (afterSeq < seq) return false
    return true
  }

  get #length(): number {
    return this.#entries.length - this.#first
  }

  #evict(): void {
    this.#bytes -= sizeOf((this.#entries[this.#first] as Entry).event)
    this.#first++
    // Now and then, so that it costs next to nothing an event.
    if (this.#first <= this.#bounds.replay.events) return
    this.#entries.splice(0, this.#first)
    this.#first = 0
  }

  /** The number of the last event. */
  get lastSeq(): number {
    return this.#lastSeq
  }

  /** The first event after a number that is kept. If that is not the very next one, there is a gap before it. */
  after(seq: number): SequencedEvent | undefined {
    return this.#entryAfter(seq)?.event
  }

  #entryAfter(seq: number): Entry | undefined {
    const oldest = this.#entries[this.#first]?.event.seq
    if (oldest === undefined) return undefined
    // Numbers are dense but for what was given up, so this guess is right or a little too late.
    let at = Math.min(this.#entries.length - 1, this.#first + Math.max(0, seq + 1 - oldest))
    while (at > this.#first && (this.#entries[at - 1] as Entry).event.seq > seq) at--
    const entry = this.#entries[at] as Entry
    return entry.event.seq > seq ? entry : undefined
  }

  /** Calls `wake` at every event until the returned function is called. What it has not read counts as not taken. */
  join(reader: Reader): () => void {
    this.#readers.add(reader)
    return () => this.#readers.delete(reader)
  }

  wake(): void {
    for (const { wake } of [...this.#readers]) wake()
  }

  /** Bytes of output so far. */
  get total(): number {
    return this.#total
  }

  /** What every reader has taken, and the bytes of output up to it; with nobody to read, all there is. */
  get taken(): { seq: number; total: number } {
    let seq = this.#lastSeq
    for (const { afterSeq } of this.#readers) seq = Math.min(seq, afterSeq)
    if (seq === this.#lastSeq) return { seq, total: this.#total }
    // Of one who is behind all that is kept, it is known to have taken no more than what came before that.
    const next = this.#entryAfter(seq)
    return { seq, total: next === undefined ? this.#total : next.total - sizeOf(next.event) }
  }
}

const sizeOf = (event: SequencedEvent): number => (event.type === 'output' ? event.bytes.length : 0)
