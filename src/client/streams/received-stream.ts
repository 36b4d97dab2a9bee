/**
 * Bytes that arrive as notifications: the body of an HTTP response, or what a network peer sends. They are queued until
 * they are read, up to a limit.
 */
import { bytesOf } from '../base/base64.ts'
import { ProtocolError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { Consumed } from '../session/acknowledger.ts'
import { ChunkQueue } from './chunk-queue.ts'
import type { FlowControl } from './flow-control.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** A part of a stream, as received. */
export type StreamDelta = { seq?: unknown; deltaBase64?: unknown; done?: unknown; error?: unknown }

/** What a stream shares with the others of its kind and session, and how it reaches the server. */
export type StreamContext = {
  /** What it is, in messages. */
  what: string
  /** The error of a stream that breaks off, from the server's text. */
  failure: (text: string) => Error
  limits: ClientLimits
  /** Bytes queued by all streams. */
  shared: { queuedBytes: number }
  /** Drops what is garbage-collected unread. */
  abandoned: FinalizationRegistry<ReceivedStream>
  control: FlowControl
  /** Unsubscribes from further deltas. */
  unregister: () => void
  /** Tells the server to stop sending. */
  cancel: () => void
}

type PendingRead = { resolve: (bytes: Bytes | undefined) => void; reject: (reason: unknown) => void }

/**
 * One stream. Holds no reference to its stream other than a pending read, so that an abandoned stream can be
 * collected.
 */
export class ReceivedStream {
  readonly id: string
  /** Bytes that the server may send ahead of acknowledgements, if it supports that. */
  readonly window: number | undefined
  /** Called once: at end of stream, on failure, or when dropped. */
  onDone: () => void = () => {}
  /** Called if the reader cancels before the end. */
  onCancel: () => void = () => {}
  readonly #context: StreamContext
  readonly #queue: ChunkQueue
  /** Sequence number of the last delta. */
  #seq = 0
  #consumed: Consumed = { seq: 0, bytes: 0 }
  #end: { error: unknown } | undefined
  #pendingRead: PendingRead | undefined

  constructor(id: string, window: number | undefined, context: StreamContext) {
    this.id = id
    this.window = window
    this.#context = context
    this.#queue = new ChunkQueue(context.limits.httpJoined)
  }

  // ---- incoming data ----

  receive({ seq, deltaBase64, done, error }: StreamDelta): void {
    if (this.#end !== undefined) return
    if (seq !== ++this.#seq)
      return this.#fail(new ProtocolError(`${this.#context.what} ${this.id}: part ${seq} came instead of ${this.#seq}`))
    try {
      this.#push(bytesOf(deltaBase64, `a part of ${this.#context.what}`))
    } catch (error) {
      return this.#fail(error)
    }
    if (typeof error === 'string') this.end(this.#context.failure(error))
    else if (done === true) this.end(undefined)
  }

  #push(bytes: Bytes): void {
    if (this.#pendingRead !== undefined && bytes.length > 0) {
      this.#pendingRead.resolve(bytes)
      this.#pendingRead = undefined
      return this.#onRead(this.#seq, bytes.length)
    }
    if (bytes.length === 0 && this.#queue.length === 0) return this.#onRead(this.#seq, 0)
    const { limits, shared } = this.#context
    const bound = this.window === undefined ? limits.httpQueuedTotal : limits.httpWindowedTotal
    if (shared.queuedBytes + bytes.length > bound)
      throw this.#tooSlow(`more than ${bound} bytes of such streams wait to be read`)
    // Many small chunks can arrive before the reader runs.
    if (!this.#queue.merge(bytes, this.#seq)) {
      if (this.#queue.length === limits.httpDeltas) throw this.#tooSlow(`${limits.httpDeltas} parts wait to be read`)
      this.#queue.push(bytes, this.#seq)
    }
    shared.queuedBytes += bytes.length
    this.#report()
  }

  #tooSlow(why: string): Error {
    return new Error(`${this.#context.what} ${this.id} was not read fast enough: ${why}`)
  }

  #onRead(seq: number, bytes: number): void {
    this.#consumed = { seq, bytes: this.#consumed.bytes + bytes }
    this.#report()
  }

  #report(): void {
    const { seq, bytes } = this.#consumed
    this.#context.control({ seq, bytes, queued: this.#queue.bytes, isOver: this.#end !== undefined })
  }

  // ---- end ----

  /** No more data will come. Queued data can still be read, then `error` is thrown, if any. */
  end(error: unknown): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#context.unregister()
    this.#report()
    const read = this.#pendingRead
    this.#pendingRead = undefined
    if (read === undefined) return
    this.#done()
    if (error === undefined) read.resolve(undefined)
    else read.reject(error)
  }

  /** Fails the stream and cancels it on the server. */
  #fail(error: unknown): void {
    if (this.#end !== undefined) return
    this.#context.cancel()
    this.end(error)
  }

  /** Fails the stream at once and discards queued data. */
  abort(reason: unknown): void {
    this.#context.shared.queuedBytes -= this.#queue.bytes
    this.#queue.clear()
    if (this.#end !== undefined) this.#end = { error: reason }
    else this.#fail(reason)
    this.#done()
  }

  /** Discards an unwanted stream. */
  drop(): void {
    this.abort(new Error(`${this.#context.what} ${this.id} was dropped`))
  }

  #done(): void {
    this.onDone()
    this.onDone = () => {}
  }

  // ---- reading ----

  /** As a stream of the web. Call once. */
  stream(): ReadableStream<Bytes> {
    const stream = new ReadableStream<Bytes>(
      {
        pull: async (controller) => {
          const bytes = await this.#read()
          if (bytes === undefined) controller.close()
          else controller.enqueue(bytes)
        },
        cancel: () => {
          if (this.#end === undefined) this.onCancel()
          this.drop()
        },
      },
      { highWaterMark: 0 },
    )
    this.#context.abandoned.register(stream, this)
    return stream
  }

  #read(): Promise<Bytes | undefined> {
    const chunk = this.#queue.shift()
    if (chunk !== undefined) {
      this.#context.shared.queuedBytes -= chunk.bytes.length
      this.#onRead(chunk.seq, chunk.bytes.length)
      return Promise.resolve(chunk.bytes)
    }
    if (this.#end === undefined) return new Promise((resolve, reject) => (this.#pendingRead = { resolve, reject }))
    this.#done()
    return this.#end.error === undefined ? Promise.resolve(undefined) : Promise.reject(this.#end.error)
  }
}
