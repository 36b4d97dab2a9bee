/**
 * The bodies of HTTP responses, which come as notifications whether anybody reads them or not: the protocol has no word to hold them
 * back, nor one to end them. So they queue here, up to a bound, and what nobody will read any more is passed over.
 */
import { Method } from '../protocol/methods.ts'
import { bytesOf } from './base64.ts'
import type { Caller } from './caller.ts'
import { ProtocolError } from './errors.ts'
import type { ClientLimits } from './limits.ts'

type Bytes = Uint8Array<ArrayBuffer>

type Delta = { requestId?: unknown; seq?: unknown; deltaBase64?: unknown; done?: unknown; error?: unknown }

export type HttpBodies = {
  /** A body that deltas may come for from now on. Its id is never used again by this client. */
  open(): HttpBody
}

export function createBodies(caller: Caller, limits: ClientLimits): HttpBodies {
  const bodies = new Map<string, HttpBody>()
  const queue = { bytes: 0 }
  // A response that is thrown away unread would take up its part of the bound for ever.
  const forgotten = new FinalizationRegistry<HttpBody>((body) => body.drop())
  let opened = 0
  caller.onNotification(Method.HttpBodyDelta, (params) => {
    const delta = (params ?? {}) as Delta
    if (typeof delta.requestId === 'string') bodies.get(delta.requestId)?.receive(delta)
  })
  caller.onLost((error) => {
    for (const body of [...bodies.values()]) body.end(error)
  })
  return {
    open: () => {
      const id = `http-${++opened}`
      const body = new HttpBody(id, { limits, queue, forgotten, leave: () => bodies.delete(id) })
      bodies.set(id, body)
      return body
    },
  }
}

type Surroundings = {
  limits: ClientLimits
  /** Bytes of all bodies that wait for their readers. */
  queue: { bytes: number }
  forgotten: FinalizationRegistry<HttpBody>
  /** No more deltas, please. */
  leave: () => void
}

type Piece = {
  bytes: Bytes
  /** Below the length of `bytes` there is room for more. */
  length: number
}

type Waiting = { resolve: (bytes: Bytes | undefined) => void; reject: (reason: unknown) => void }

/** It knows nothing of its stream but a read that waits, so that a stream without a reader can be collected. */
export class HttpBody {
  readonly id: string
  /** Called once: when it was read to its end, has failed, or was dropped. */
  onDone: () => void = () => {}
  readonly #surroundings: Surroundings
  readonly #pieces: Piece[] = []
  #seq = 0
  #end: { error: unknown } | undefined
  #waiting: Waiting | undefined

  constructor(id: string, surroundings: Surroundings) {
    this.id = id
    this.#surroundings = surroundings
  }

  receive({ seq, deltaBase64, done, error }: Delta): void {
    if (this.#end !== undefined) return
    if (seq !== ++this.#seq) return this.end(new ProtocolError(`response body ${this.id}: part ${seq} came instead of ${this.#seq}`))
    try {
      this.#push(bytesOf(deltaBase64, 'a part of a response body'))
    } catch (error) {
      return this.end(error)
    }
    if (typeof error === 'string') this.end(new TypeError('terminated', { cause: new Error(error) }))
    else if (done === true) this.end(undefined)
  }

  #push(bytes: Bytes): void {
    if (bytes.length === 0) return
    if (this.#waiting !== undefined) {
      this.#waiting.resolve(bytes)
      this.#waiting = undefined
      return
    }
    const { limits, queue } = this.#surroundings
    if (queue.bytes + bytes.length > limits.httpQueuedTotal) {
      throw this.#tooSlow(`more than ${limits.httpQueuedTotal} bytes of responses wait to be read`)
    }
    if (!this.#join(bytes)) {
      if (this.#pieces.length === limits.httpDeltas) {
        throw this.#tooSlow(`${limits.httpDeltas} parts wait to be read`)
      }
      this.#pieces.push({ bytes, length: bytes.length })
    }
    queue.bytes += bytes.length
  }

  #tooSlow(why: string): Error {
    return new Error(`response body ${this.id} was not read fast enough: ${why}`)
  }

  /** Adds them to the last piece if both are small: many small parts can come before the fastest reader gets to run. */
  #join(bytes: Bytes): boolean {
    const { httpJoined } = this.#surroundings.limits
    const last = this.#pieces.at(-1)
    if (last === undefined || last.length + bytes.length > httpJoined) return false
    if (last.bytes.length < httpJoined) {
      const room = new Uint8Array(httpJoined)
      room.set(last.bytes)
      last.bytes = room
    }
    last.bytes.set(bytes, last.length)
    last.length += bytes.length
    return true
  }

  /** Nothing follows what has come; `error` is what the reader is told after it. */
  end(error: unknown): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#surroundings.leave()
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) return
    this.#done()
    if (error === undefined) waiting.resolve(undefined)
    else waiting.reject(error)
  }

  /** Fails the stream at once, whatever waits to be read. */
  abort(reason: unknown): void {
    this.#discard()
    if (this.#end !== undefined) this.#end = { error: reason }
    else this.end(reason)
    this.#done()
  }

  /** Nobody will read it. */
  drop(): void {
    this.abort(new Error('the response body was dropped'))
  }

  #discard(): void {
    for (const { length } of this.#pieces.splice(0)) this.#surroundings.queue.bytes -= length
  }

  #done(): void {
    this.onDone()
    this.onDone = () => {}
  }

  /** To be asked for once. */
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
      this.#surroundings.queue.bytes -= piece.length
      return Promise.resolve(piece.bytes.subarray(0, piece.length))
    }
    if (this.#end === undefined) return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }))
    this.#done()
    return this.#end.error === undefined ? Promise.resolve(undefined) : Promise.reject(this.#end.error)
  }
}
