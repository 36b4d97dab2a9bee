/**
 * Sends what a connection's sources have to tell, the processes of its session and the bodies of its HTTP
 * requests: a chunk of each in turn, as long as little is queued, so that one flood delays neither answers
 * nor the other sources.
 */
import type { RawJson } from './json-fragments.ts'
import type { Transport } from './transport.ts'

export type EventSource = {
  /** The next notification, if there is one by now. */
  takeEvent(): string | RawJson | undefined
}

export class OutboundScheduler {
  readonly #transport: Transport
  readonly #queueBound: number
  /** Sources with events to send, in the order of their turns. */
  readonly #ready = new Set<EventSource>()
  #scheduled = false
  #stopped = false

  constructor(transport: Transport, queueBound: number) {
    this.#transport = transport
    this.#queueBound = queueBound
  }

  eventsReady(source: EventSource): void {
    if (this.#stopped) return
    this.#ready.add(source)
    if (this.#scheduled) return
    this.#scheduled = true
    // The end of this very step: what is announced together, such as exit and close, goes out together.
    queueMicrotask(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  flush(): void {
    if (this.#stopped) return
    for (const source of this.#ready) {
      if (this.#transport.queued() >= this.#queueBound) return
      this.#ready.delete(source)
      const event = source.takeEvent()
      if (event === undefined) continue
      this.#transport.send(event)
      // Back in line: a set goes on to what is added while it is walked.
      this.#ready.add(source)
    }
  }

  stop(): void {
    this.#stopped = true
    this.#ready.clear()
  }
}
