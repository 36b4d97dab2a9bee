/**
 * A bounded buffer of one process's latest events, for late and slow readers. The oldest are evicted first, read or
 * not.
 */
import type { SequencedEvent } from './sequencer.ts'
import type { ClosedEvent, ExitedEvent } from '../base/types.ts'
import type { Consumed } from '../session/acknowledger.ts'

/** A reader and its position. */
export type Reader = { afterSeq: number; wake: () => void }

/** Sizes of the buffer: events, and bytes of output. */
export type LogBounds = {
  /** Retained for late readers. */
  replay: { events: number; bytes: number }
  /** Retained while a reader has not read them. */
  unread: { events: number; bytes: number }
}

type Entry = { event: SequencedEvent /** Bytes of output up to and including this event. */; total: number }

/** The buffer of one process's events. */
export class EventLog {
  readonly #bounds: LogBounds
  readonly #entries: Entry[] = []
  readonly #readers = new Set<Reader>()
  #first = 0
  #bytes = 0
  #total = 0
  #lastSeq = 0
  /** Never evicted. */
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

  /** Evicts events beyond the bounds. */
  trim(): void {
    const { replay, unread } = this.#bounds
    while (this.#exceeds(replay) && (this.#exceeds(unread) || this.#isRead())) this.#evict()
  }

  #exceeds({ events, bytes }: { events: number; bytes: number }): boolean {
    return this.#length > events || (this.#bytes > bytes && this.#length > 1)
  }

  /** Whether every reader has read the oldest event. */
  #isRead(): boolean {
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
    // Compact only from time to time: amortised O(1) per event.
    if (this.#first <= this.#bounds.replay.events) return
    this.#entries.splice(0, this.#first)
    this.#first = 0
  }

  /** The sequence number of the last event. */
  get lastSeq(): number {
    return this.#lastSeq
  }

  /** The first buffered event after `seq`. If its number is not seq + 1, events between were evicted. */
  after(seq: number): SequencedEvent | undefined {
    return this.#entryAfter(seq)?.event
  }

  #entryAfter(seq: number): Entry | undefined {
    const oldest = this.#entries[this.#first]?.event.seq
    if (oldest === undefined) return undefined
    // Numbers are dense except for skipped events, so the guess is exact or slightly too high.
    let at = Math.min(this.#entries.length - 1, this.#first + Math.max(0, seq + 1 - oldest))
    while (at > this.#first && (this.#entries[at - 1] as Entry).event.seq > seq) at--
    const entry = this.#entries[at] as Entry
    return entry.event.seq > seq ? entry : undefined
  }

  /**
   * Calls `wake` at every event until the returned function is called. Events after the reader's position count as
   * unread.
   */
  join(reader: Reader): () => void {
    this.#readers.add(reader)
    return () => this.#readers.delete(reader)
  }

  wake(): void {
    for (const { wake } of [...this.#readers]) wake()
  }

  /** Total bytes of output so far. */
  get total(): number {
    return this.#total
  }

  /** What every reader has read. Without readers: everything. */
  get consumed(): Consumed {
    let seq = this.#lastSeq
    for (const { afterSeq } of this.#readers) seq = Math.min(seq, afterSeq)
    if (seq === this.#lastSeq) return { seq, bytes: this.#total }
    // For a reader behind the buffer: it has read at most what precedes the first buffered event.
    const next = this.#entryAfter(seq)
    return { seq, bytes: next === undefined ? this.#total : next.total - sizeOf(next.event) }
  }
}

const sizeOf = (event: SequencedEvent): number => (event.type === 'output' ? event.bytes.length : 0)
