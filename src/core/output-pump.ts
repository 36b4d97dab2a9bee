/**
 * Sends a session's events: a chunk of each process in turn, as long as little is queued, so that one
 * flood delays neither answers nor the other processes.
 */
import type { Listener, Process } from './process.ts'
import type { Transport } from './transport.ts'

export class OutputPump implements Listener {
  readonly #transport: Transport
  readonly #queueBound: number
  /** Processes with events to send, in the order of their turns. */
  readonly #ready = new Set<Process>()
  #scheduled = false
  #stopped = false

  constructor(transport: Transport, queueBound: number) {
    this.#transport = transport
    this.#queueBound = queueBound
  }

  eventsReady(process: Process): void {
    this.#ready.add(process)
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
    for (const process of this.#ready) {
      if (this.#transport.queued() >= this.#queueBound) return
      this.#ready.delete(process)
      const event = process.takeEvent()
      if (event === undefined) continue
      this.#transport.send(event)
      // Back in line: a set goes on to what is added while it is walked.
      this.#ready.add(process)
    }
  }

  stop(): void {
    this.#stopped = true
    this.#ready.clear()
  }
}
