/**
 * Acknowledges received data, so that the server sends more. Only one acknowledgement is in flight at a time, so as not
 * to flood the server.
 */

/** How far the data has been read. */
export type Consumed = {
  /** Sequence number of the last chunk that was read. */
  seq: number
  /** Bytes read so far. */
  bytes: number
}

/** Acknowledge after this many chunks, however small: the server limits their number, too. */
const MAX_CHUNKS = 128

/** Options of {@link Acknowledger}. */
export type AcknowledgerOptions = {
  /** Bytes that the server may send ahead of acknowledgements. A quarter of it is acknowledged at a time. */
  window: number
  /** The current position; undefined once nothing needs to be acknowledged any more. */
  consumed: () => Consumed | undefined
  /** Sends an acknowledgement. If it rejects, no further ones are sent. */
  send: (seq: number) => Promise<unknown>
}

/** Sends the acknowledgements of one stream of chunks. */
export class Acknowledger {
  readonly #options: AcknowledgerOptions
  #acknowledged: Consumed = { seq: 0, bytes: 0 }
  #isSending = false

  constructor(options: AcknowledgerOptions) {
    this.#options = options
  }

  /** Call after data was read. */
  update(): void {
    if (this.#isSending) return
    const { window, consumed, send } = this.#options
    const now = consumed()
    if (now === undefined) return
    const { seq, bytes } = this.#acknowledged
    if (now.bytes - bytes < window / 4 && now.seq - seq < MAX_CHUNKS) return
    this.#acknowledged = { seq: now.seq, bytes: now.bytes }
    this.#isSending = true
    send(now.seq).then(
      () => {
        this.#isSending = false
        this.update()
      },
      () => {},
    )
  }
}
