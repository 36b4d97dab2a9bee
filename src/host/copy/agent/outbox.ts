/** Sends reports in the background, in order. */
import type { MessageSink } from '../frames.ts'
import type { Message } from '../messages.ts'

/** Messages that may wait before their senders do. */
const ROOM = 256

export class Outbox {
  readonly #sink: MessageSink
  readonly #queue: Message[] = []
  #draining: Promise<void> | undefined

  constructor(sink: MessageSink) {
    this.#sink = sink
  }

  /** Queues a message, and sends it without waiting for more. */
  push(message: Message): void {
    this.#queue.push(message)
    this.#draining ??= this.#drain()
  }

  /** Resolves when there is room; undefined: there is. */
  room(): Promise<void> | undefined {
    return this.#queue.length > ROOM ? this.#draining : undefined
  }

  /**
   * Resolves when everything is sent.
   * @throws the error of the stream
   */
  async flush(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining
  }

  async #drain(): Promise<void> {
    // Messages of one turn are sent together.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      for (const message of this.#queue.splice(0)) await this.#sink.send(message)
      await this.#sink.flush()
    }
    this.#draining = undefined
  }
}
