/** The HTTP requests of one connection. They end with it. */
import { internalError, invalidParams, messageOf, overloaded, RpcError } from '../../protocol/wire/errors.ts'
import type { HttpRequestParams } from '../../protocol/schemas/http.ts'
import { detached } from '../../protocol/wire/json.ts'
import { aborted } from '../base/aborted.ts'
import { ResponseMemoryLimiter } from '../base/response-memory-limiter.ts'
import { joined } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { base64Length, bodyNotices, responseResult } from '../base/json-fragments.ts'
import type { BytesResult } from '../base/json-fragments.ts'
import type { Host, HttpResponse } from '../base/host.ts'
import { prepareRequest, redirected } from './http-request.ts'
import type { PreparedRequest } from './http-request.ts'
import { streamBytes } from '../streams/byte-stream.ts'
import type { ByteStream } from '../streams/byte-stream.ts'
import type { Limits } from '../base/limits.ts'
import type { Observer } from '../base/observer.ts'
import type { EventSource } from '../base/outbound-scheduler.ts'

/** Buffered bodies up to this size are not limited: a socket's buffers hold as much. */
const SMALL_BODY_BYTES = 64 * 1024

const CLOSING = 'the connection is closing'

/** Dependencies of {@link HttpCalls}. */
export type HttpCallsOptions = {
  host: Host
  clock: Clock
  limits: Limits
  observer: Observer
  scheduler: { eventsReady(source: EventSource): void }
  /** Called when the last request has ended. */
  onIdle: () => void
}

/** What a request needs from its connection. */
type Surroundings = {
  /** Calls `call` once the response of this request has been queued. */
  afterResponse(call: () => void): void
  /** Reserves memory for a response of about `bytes` bytes. Undefined: available at once. */
  reserve(bytes: number): Promise<void> | undefined
  /**
   * This request may wait indefinitely from now on.
   * @throws -32001 if too many of this connection do.
   */
  waits(): void
}

/** One active request. */
type Exchange = {
  signal: AbortSignal
  isStreamed: boolean
  /** The body of a streamed request, once that has its response. */
  body: ByteStream | undefined
  abort: (reason: Error) => void
  finish: () => void
}

/** Runs http/request: follows redirects, and buffers or streams the response body. */
export class HttpCalls {
  readonly #options: HttpCallsOptions
  readonly #exchanges = new Set<Exchange>()
  /** Streamed requests by request id. */
  readonly #streams = new Map<string, Exchange>()
  readonly #bodies: ResponseMemoryLimiter
  #cancelClosing: (() => void) | undefined
  #isGone = false

  constructor(options: HttpCallsOptions) {
    this.#options = options
    this.#bodies = new ResponseMemoryLimiter(options.limits.httpBufferedTotal, () => 0)
  }

  /** Number of active requests, including streamed bodies. */
  get size(): number {
    return this.#exchanges.size
  }

  /**
   * Runs http/request. A streamed body follows the returned response.
   * @throws -32602 for invalid params, -32001 beyond a limit, -32603 if the exchange fails.
   */
  async request(params: HttpRequestParams, surroundings: Surroundings): Promise<BytesResult> {
    const { host, limits } = this.#options
    const request = prepareRequest(params, host.environment())
    const streamId = params.streamResponse ? detached(params.requestId) : undefined
    if (streamId !== undefined && this.#streams.has(streamId)) {
      throw invalidParams(`http/request streamResponse requestId \`${streamId.slice(0, 100)}\` is already active`)
    }
    if (this.#exchanges.size >= limits.httpRequests)
      throw overloaded(`at most ${limits.httpRequests} http requests may be under way per connection`)
    surroundings.waits()
    const exchange = this.#begin(params.timeoutMs ?? undefined, streamId)
    try {
      const response = await this.#send(request, params.redirectPolicy, exchange.signal)
      if (streamId === undefined) return await this.#buffer(response, exchange, surroundings)
      surroundings.afterResponse(() => this.#stream(streamId, response, exchange, params.bodyWindow ?? undefined))
      return responseResult(response, undefined)
    } catch (error) {
      exchange.finish()
      throw error
    }
  }

  #begin(timeoutMs: number | undefined, streamId: string | undefined): Exchange {
    if (this.#isGone) throw internalError('http/request failed: the connection is gone')
    const { clock, onIdle } = this.#options
    const controller = new AbortController()
    const abort = (reason: Error): void => controller.abort(reason)
    const cancelTimer =
      timeoutMs === undefined
        ? undefined
        : clock.after(timeoutMs, () => abort(new Error(`timed out after ${timeoutMs} ms`)))
    if (timeoutMs === 0) abort(new Error('timed out after 0 ms'))
    const exchange: Exchange = {
      signal: controller.signal,
      isStreamed: streamId !== undefined,
      body: undefined,
      abort,
      finish: () => {
        if (!this.#exchanges.delete(exchange)) return
        cancelTimer?.()
        if (streamId !== undefined) this.#streams.delete(streamId)
        if (this.#exchanges.size > 0) return
        this.#cancelClosing?.()
        onIdle()
      },
    }
    this.#exchanges.add(exchange)
    if (streamId !== undefined) this.#streams.set(streamId, exchange)
    return exchange
  }

  async #send(first: PreparedRequest, redirectPolicy: 'follow' | 'stop', signal: AbortSignal): Promise<HttpResponse> {
    const { host, observer } = this.#options
    let request = first
    for (let redirects = 0; ; redirects++) {
      let response: HttpResponse
      try {
        signal.throwIfAborted()
        response = await host.http(request, signal)
        observer.totals.httpSent += request.body?.length ?? 0
      } catch (error) {
        if (error instanceof RpcError) throw error
        throw internalError(
          `http/request failed: error sending request for url (${request.url.href}): ${messageOf(error)}`,
        )
      }
      const next = redirectPolicy === 'follow' ? this.#follow(request, response, redirects) : undefined
      if (next === undefined) return response
      response.cancel()
      request = next
    }
  }

  /** The next request if the response is a redirect. A response whose redirect may not be followed is cancelled. */
  #follow(request: PreparedRequest, response: HttpResponse, redirects: number): PreparedRequest | undefined {
    try {
      const next = redirected(request, response)
      if (next !== undefined && redirects === this.#options.limits.httpRedirects)
        throw internalError('http/request failed: too many redirects')
      return next
    } catch (error) {
      response.cancel()
      throw error
    }
  }

  /** Buffers the body and returns it in the response. */
  async #buffer(
    response: HttpResponse,
    { signal, finish }: Exchange,
    surroundings: Surroundings,
  ): Promise<BytesResult> {
    const { httpBuffered } = this.#options.limits
    const pieces: Uint8Array[] = []
    let total = 0
    let isCounted = false
    try {
      for (let piece = await response.read(); piece !== undefined; piece = await response.read()) {
        pieces.push(piece)
        this.#options.observer.totals.httpReceived += piece.length
        total += piece.length
        if (total > httpBuffered) {
          response.cancel()
          throw internalError(
            `failed to read http/request response body: it exceeds ${httpBuffered} bytes; use streamResponse`,
          )
        }
        if (total <= SMALL_BODY_BYTES || isCounted) continue
        isCounted = true
        const bytes = Math.max(total, Math.min(declaredLength(response), httpBuffered))
        const room = this.#bodies.reserve(bytes) ?? Promise.resolve()
        // Released even if the request fails first: the reservation is granted in its turn all the same.
        surroundings.afterResponse(() => void room.then(() => this.#bodies.release(bytes)))
        await Promise.race([room, aborted(signal)])
      }
    } catch (error) {
      if (error instanceof RpcError) throw error
      throw internalError(
        `failed to read http/request response body: error decoding response body: ${messageOf(error)}`,
      )
    }
    surroundings.afterResponse(finish)
    await surroundings.reserve(base64Length(total))
    return responseResult(response, joined(pieces, total))
  }

  /** Streams the body after the response. */
  #stream(requestId: string, response: HttpResponse, exchange: Exchange, window: number | undefined): void {
    // Cancelled before its response was queued.
    if (this.#streams.get(requestId) !== exchange) return response.cancel()
    const { scheduler, limits, observer } = this.#options
    const { signal, finish } = exchange
    const { delta, end } = bodyNotices(requestId)
    exchange.body = streamBytes(
      {
        read: () => response.read(),
        delta,
        end: (seq, error) =>
          end(seq, error === undefined ? undefined : `error decoding response body: ${messageOf(error)}`),
        onRead: (bytes) => void (observer.totals.httpReceived += bytes),
        onEnd: finish,
      },
      { window, maxUnacknowledged: limits.httpUnacknowledged, maxDelta: limits.httpDelta, signal, scheduler },
    )
  }

  /** Records that the client has processed the deltas of a body up to and including `seq`. */
  acknowledge(requestId: string, seq: number): void {
    this.#streams.get(requestId)?.body?.acknowledge(seq)
  }

  /** Cancels a request: a stream ends without a final delta, a pending request with an error. The id is free again. */
  cancel(requestId: string): void {
    const exchange = this.#streams.get(requestId)
    if (exchange === undefined) return
    exchange.body?.stop()
    exchange.abort(new Error('it was cancelled'))
    exchange.finish()
  }

  /** The connection is closing: aborts streams, and gives buffered requests `httpClosingMs` to finish. */
  close(): void {
    const { clock, limits } = this.#options
    for (const { isStreamed, abort } of [...this.#exchanges]) if (isStreamed) abort(new Error(CLOSING))
    if (this.#exchanges.size === 0 || this.#cancelClosing !== undefined) return
    this.#cancelClosing = clock.after(limits.httpClosingMs, () => {
      this.#abortAll(CLOSING)
      // A stream's last delta may be queued for ever behind a client that does not read.
      for (const { isStreamed, finish } of [...this.#exchanges]) if (isStreamed) finish()
    })
  }

  /** The connection is gone: aborts everything. */
  dispose(): void {
    this.#isGone = true
    this.#abortAll('the connection is gone')
    for (const { finish } of [...this.#exchanges]) finish()
    this.#cancelClosing?.()
    this.#bodies.dispose()
  }

  #abortAll(reason: string): void {
    for (const { abort } of [...this.#exchanges]) abort(new Error(reason))
  }
}

/** The response's content-length; `Infinity` if it has none. */
function declaredLength({ headers }: HttpResponse): number {
  const text = headers.find(({ name }) => name === 'content-length')?.value ?? ''
  return /^[0-9]+$/.test(text) ? Number(text) : Infinity
}
