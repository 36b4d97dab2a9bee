/**
 * Sends the events of a connection's sources, i.e. its session's processes and HTTP bodies: one event of each in turn,
 * while little is queued, so that a flood from one delays neither responses nor other sources.
 */
import type { Notice } from './json-fragments.ts'

/** A source of notifications. */
export type EventSource = {
  /** Takes the next notification; undefined if there is none now. */
  takeEvent(): Notice | undefined
}

/** Where events go. */
export type NoticeSink = {
  /** Bytes queued. */
  queued(): number
  notify(notice: Notice): void
}

/** Round-robin over the sources that have events. */
export class OutboundScheduler {
  readonly #sink: NoticeSink
  readonly #queueBound: number
  /** Sources with events to send, in order of their turns. */
  readonly #ready = new Set<EventSource>()
  #scheduled = false
  #stopped = false

  constructor(sink: NoticeSink, queueBound: number) {
    this.#sink = sink
    this.#queueBound = queueBound
  }

  /** Schedules a source that has new events. */
  eventsReady(source: EventSource): void {
    if (this.#stopped) return
    this.#ready.add(source)
    if (this.#scheduled) return
    this.#scheduled = true
    // In a microtask, so that events announced together, such as exit and close, are sent together.
    queueMicrotask(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** Sends events until the queue bound, in bytes, is reached. Call it when the transport has drained. */
  flush(): void {
    if (this.#stopped) return
    for (const source of this.#ready) {
      if (this.#sink.queued() >= this.#queueBound) return
      this.#ready.delete(source)
      const event = source.takeEvent()
      if (event === undefined) continue
      this.#sink.notify(event)
      // Requeue: a Set's iteration also visits elements added during it.
      this.#ready.add(source)
    }
  }

  /** Drops all sources and sends nothing more. */
  stop(): void {
    this.#stopped = true
    this.#ready.clear()
  }
}
