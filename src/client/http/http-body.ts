/**
 * Streamed bodies of HTTP responses. They arrive as notifications, read or not. Servers with the extensions wait for
 * acknowledgements and cancel unwanted bodies; for others the connection is paused as far as possible. Data is queued
 * here, up to a limit.
 */
import { Method } from '../../protocol/wire/methods.ts'
import { bytesOf } from '../base/base64.ts'
import type { Caller } from '../session/rpc-client.ts'
import { ProtocolError } from '../base/errors.ts'
import { acknowledging, holding } from './flow-control.ts'
import type { Pace } from './flow-control.ts'
import type { ClientLimits } from '../base/limits.ts'

type Bytes = Uint8Array<ArrayBuffer>

type Delta = { requestId?: unknown; seq?: unknown; deltaBase64?: unknown; done?: unknown; error?: unknown }

/** The response bodies of one session. */
export type HttpBodies = {
  /**
   * Opens the body of a request that is about to be sent on the current connection. Its id is unique within this
   * client.
   */
  open(): HttpBody
}

/** Creates the body table and subscribes to the server's notifications. */
export function createBodies(caller: Caller, limits: ClientLimits): HttpBodies {
  const bodies = new Map<string, HttpBody>()
  const queue = { bytes: 0, windows: 0 }
  // Drop the body of a response that is garbage-collected unread: it would use up the shared limit and stall the peer.
  const forgotten = new FinalizationRegistry<HttpBody>((body) => body.drop())
  let opened = 0
  caller.onNotification(Method.HttpBodyDelta, (params) => {
    const delta = (params ?? {}) as Delta
    if (typeof delta.requestId === 'string') bodies.get(delta.requestId)?.receive(delta)
  })
  caller.onLost((error) => {
    for (const body of [...bodies.values()]) body.end(error)
  })

  /** An eighth of the remaining shared limit, so that later bodies get a share. */
  function nextWindow(): number {
    const { httpQueuedTotal, httpWindow, httpWindowLeast } = limits
    return Math.max(
      httpWindowLeast,
      Math.min(httpWindow, Math.floor((httpQueuedTotal - queue.windows - queue.bytes) / 8)),
    )
  }

  return {
    open: () => {
      const id = `http-${++opened}`
      const { connection, extensions } = caller
      const window = extensions.has('bodyWindow') ? nextWindow() : undefined
      queue.windows += window ?? 0
      const body = new HttpBody(id, window, {
        limits,
        queue,
        forgotten,
        pace: window === undefined ? holding(caller, limits, () => bodies.size) : acknowledging(caller, id, window),
        leave: () => {
          if (bodies.delete(id)) queue.windows -= window ?? 0
        },
        // Without the extension the server goes on sending, and the data is ignored.
        cancel: () => {
          if (extensions.has('httpCancel'))
            caller.call(Method.HttpCancel, { requestId: id }, { urgent: true, connection }).catch(() => {})
        },
      })
      bodies.set(id, body)
      return body
    },
  }
}

type Surroundings = {
  limits: ClientLimits
  /** Shared by all bodies: bytes queued, and the windows of open bodies. */
  queue: { bytes: number; windows: number }
  forgotten: FinalizationRegistry<HttpBody>
  pace: Pace
  /** Unsubscribes from further deltas. */
  leave: () => void
  /** Tells the server to stop sending. */
  cancel: () => void
}

type Piece = {
  bytes: Bytes
  /** Bytes used; the rest of `bytes` is free. */
  length: number
  /** Sequence number of the last delta in it. */
  seq: number
}

type Waiting = { resolve: (bytes: Bytes | undefined) => void; reject: (reason: unknown) => void }

/**
 * One response body. Holds no reference to its stream other than a pending read, so that an abandoned stream can be
 * collected.
 */
export class HttpBody {
  readonly id: string
  /** Bytes that the server may send ahead of acknowledgements, if it supports that. */
  readonly window: number | undefined
  /** Called once: at end of stream, on failure, or when dropped. */
  onDone: () => void = () => {}
  readonly #surroundings: Surroundings
  readonly #pieces: Piece[] = []
  #seq = 0
  #queued = 0
  #taken = { seq: 0, bytes: 0 }
  #end: { error: unknown } | undefined
  #waiting: Waiting | undefined

  constructor(id: string, window: number | undefined, surroundings: Surroundings) {
    this.id = id
    this.window = window
    this.#surroundings = surroundings
  }

  receive({ seq, deltaBase64, done, error }: Delta): void {
    if (this.#end !== undefined) return
    if (seq !== ++this.#seq)
      return this.#fail(new ProtocolError(`response body ${this.id}: part ${seq} came instead of ${this.#seq}`))
    try {
      this.#push(bytesOf(deltaBase64, 'a part of a response body'))
    } catch (error) {
      return this.#fail(error)
    }
    if (typeof error === 'string') this.end(new TypeError('terminated', { cause: new Error(error) }))
    else if (done === true) this.end(undefined)
  }

  #push(bytes: Bytes): void {
    const last = this.#pieces.at(-1)
    if (this.#waiting !== undefined && bytes.length > 0) {
      this.#waiting.resolve(bytes)
      this.#waiting = undefined
      return this.#took(this.#seq, bytes.length)
    }
    if (bytes.length === 0 && last === undefined) return this.#took(this.#seq, 0)
    const { limits, queue } = this.#surroundings
    const bound = this.window === undefined ? limits.httpQueuedTotal : limits.httpWindowedTotal
    if (queue.bytes + bytes.length > bound) throw this.#tooSlow(`more than ${bound} bytes of responses wait to be read`)
    if (last !== undefined && this.#join(last, bytes)) last.seq = this.#seq
    else if (this.#pieces.length === limits.httpDeltas)
      throw this.#tooSlow(`${limits.httpDeltas} parts wait to be read`)
    else this.#pieces.push({ bytes, length: bytes.length, seq: this.#seq })
    this.#queue(bytes.length)
    this.#progress()
  }

  #queue(change: number): void {
    this.#queued += change
    this.#surroundings.queue.bytes += change
  }

  #took(seq: number, bytes: number): void {
    this.#taken = { seq, bytes: this.#taken.bytes + bytes }
    this.#progress()
  }

  #progress(): void {
    const { seq, bytes } = this.#taken
    this.#surroundings.pace({ queued: this.#queued, seq, taken: bytes, isOver: this.#end !== undefined })
  }

  #tooSlow(why: string): Error {
    return new Error(`response body ${this.id} was not read fast enough: ${why}`)
  }

  /** Merges small chunks: many can arrive before the reader runs. */
  #join(piece: Piece, bytes: Bytes): boolean {
    const { httpJoined } = this.#surroundings.limits
    if (bytes.length > 0 && piece.length + bytes.length > httpJoined) return false
    if (bytes.length > 0 && piece.bytes.length < httpJoined) {
      const room = new Uint8Array(httpJoined)
      room.set(piece.bytes)
      piece.bytes = room
    }
    piece.bytes.set(bytes, piece.length)
    piece.length += bytes.length
    return true
  }

  /** No more data will come. Queued data can still be read, then `error` is thrown, if any. */
  end(error: unknown): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#surroundings.leave()
    this.#progress()
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) return
    this.#done()
    if (error === undefined) waiting.resolve(undefined)
    else waiting.reject(error)
  }

  /** Fails the body and cancels it on the server. */
  #fail(error: unknown): void {
    if (this.#end !== undefined) return
    this.#surroundings.cancel()
    this.end(error)
  }

  /** Fails the stream at once and discards queued data. */
  abort(reason: unknown): void {
    this.#pieces.length = 0
    this.#queue(-this.#queued)
    if (this.#end !== undefined) this.#end = { error: reason }
    else this.#fail(reason)
    this.#done()
  }

  /** Discards an unwanted body. */
  drop(): void {
    this.abort(new Error('the response body was dropped'))
  }

  #done(): void {
    this.onDone()
    this.onDone = () => {}
  }

  /** The body as a stream. Call once. */
  stream(): ReadableStream<Bytes> {
    const stream = new ReadableStream<Bytes>(
      {
        pull: async (controller) => {
          const bytes = await this.#read()
          if (bytes === undefined) controller.close()
          else controller.enqueue(bytes)
        },
        cancel: () => this.drop(),
      },
      { highWaterMark: 0 },
    )
    this.#surroundings.forgotten.register(stream, this)
    return stream
  }

  #read(): Promise<Bytes | undefined> {
    const piece = this.#pieces.shift()
    if (piece !== undefined) {
      this.#queue(-piece.length)
      this.#took(piece.seq, piece.length)
      return Promise.resolve(piece.bytes.subarray(0, piece.length))
    }
    if (this.#end === undefined) return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }))
    this.#done()
    return this.#end.error === undefined ? Promise.resolve(undefined) : Promise.reject(this.#end.error)
  }
}
