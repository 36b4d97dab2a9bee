/**
 * The way of a process's events to its clients: to the listener that they are sent to, and to the reads that wait for
 * them. While the clients are behind, the child is paused.
 */
import type { BytesResult, Notice } from '../base/json-fragments.ts'
import type { EventSource } from '../base/outbound-scheduler.ts'
import type { OutputLog } from '../output/output-log.ts'

/**
 * Receives a process's events. `eventsReady` is called for every new event; pull the events with {@link
 * EventSource.takeEvent}.
 */
export type Listener = { eventsReady(source: EventSource): void }

/** Joins the log of one process to its listener and its pending reads. */
export class ProcessEvents implements EventSource {
  readonly #log: OutputLog
  readonly #onPause: (isPaused: boolean) => void
  #isPaused = false
  #listener: Listener | undefined
  /** False until the response to process/start has been queued; events wait for that. */
  #isAnnounced = false
  readonly #waiters = new Set<() => void>()
  #holds = 0

  /** `onPause` is called when the child must be paused, and when it may be resumed. */
  constructor(log: OutputLog, onPause: (isPaused: boolean) => void) {
    this.#log = log
    this.#onPause = onPause
  }

  /** Whether the child is to be paused. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Whether the process has closed and every event has been sent, or skipped for want of a listener. */
  get areDelivered(): boolean {
    return this.#log.isClosed && this.#log.isSent
  }

  // ---- listener ----

  /**
   * Called once the response to process/start has been queued: sends events to `listener`, from the first on, if there
   * is one.
   */
  announce(listener: Listener | undefined): void {
    this.#isAnnounced = true
    this.#listener = listener
    if (listener !== undefined) listener.eventsReady(this)
    else this.detach()
  }

  /** Sends later events to `listener`; earlier ones are available through process/read. */
  attach(listener: Listener): void {
    this.#log.seal()
    this.#log.skipUnsent()
    this.#listener = listener
  }

  /** Removes the listener. Events count as sent until another one attaches. */
  detach(): void {
    this.#listener = undefined
    this.#log.skipUnsent()
    this.balance()
  }

  /** Notifies the listener and the pending reads. Without a listener, new events count as sent. */
  notify(): void {
    if (this.#listener !== undefined) this.#listener.eventsReady(this)
    else if (this.#isAnnounced) this.#log.skipUnsent()
    for (const wake of [...this.#waiters]) wake()
  }

  /** Takes the next unsent event as a notification; undefined if there is none. */
  takeEvent(): Notice | undefined {
    const event = this.#log.takeEvent()
    if (event !== undefined) this.balance()
    return event
  }

  /** Records that the client has processed everything up to and including `seq`. */
  acknowledge(seq: number): void {
    this.#log.acknowledge(seq)
    this.balance()
  }

  /** Pauses the child while its client is behind; resumes it once the client has caught up. */
  balance(): void {
    const isPaused = this.#holds > 0 || this.#log.shouldPause(this.#listener !== undefined || !this.#isAnnounced)
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    this.#onPause(isPaused)
  }

  /** Pauses the child until the returned function is called. */
  hold(): () => void {
    this.#holds++
    this.balance()
    return () => {
      this.#holds--
      this.balance()
    }
  }

  // ---- process/read ----

  /** Whether a read after `seq` returns at once: there is output, an exit or a close after it. */
  hasNewsAfter(seq: number): boolean {
    return this.#log.hasNewsAfter(seq)
  }

  /** Approximate upper bound, in bytes, of the result of a read. */
  readBytes(afterSeq: number): number {
    return this.#log.readBytes(afterSeq)
  }

  /** Builds the result of process/read; see {@link OutputLog.read}. */
  read(afterSeq: number, maxBytes: number | undefined): BytesResult {
    return this.#log.read(afterSeq, maxBytes)
  }

  /** Calls `wake` on every event. Returns a function that unsubscribes. */
  watch(wake: () => void): () => void {
    this.#log.seal()
    this.#waiters.add(wake)
    return () => this.#waiters.delete(wake)
  }

  /** Removes the listener, and wakes the pending reads for the last time. */
  dispose(): void {
    this.#listener = undefined
    for (const wake of [...this.#waiters]) wake()
  }
}
