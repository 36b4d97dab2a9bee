/**
 * One connection: reads messages, runs requests concurrently, responds, and sends the events of its session's
 * processes.
 *
 * An unreadable message is answered with id -1 and the connection stays open. A few protocol violations close it, once
 * every request accepted before has been answered.
 */
import { encodeError, encodeResult, NO_ID, parseMessage } from '../../protocol/wire/envelope.ts'
import type { IdText } from '../../protocol/wire/envelope.ts'
import { ErrorCode, invalidRequest, RpcError } from '../../protocol/wire/errors.ts'
import type { JsonValue } from '../../protocol/wire/json.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { decodeParams } from '../../protocol/schemas/schema-primitives.ts'
import { EXTENSIONS, InitializeParams } from '../../protocol/schemas/session.ts'
import type { InitializeResult } from '../../protocol/schemas/session.ts'
import { ResponseMemoryLimiter } from '../base/response-memory-limiter.ts'
import type { Clock } from '../base/clock.ts'
import type { Drain } from '../session/drain.ts'
import { FileHandles } from '../fs/file-handles.ts'
import { FileOrder } from '../fs/file-order.ts'
import { RawJson } from '../base/json-fragments.ts'
import type { Host } from '../base/host.ts'
import { HttpCalls } from '../http/http-calls.ts'
import type { Limits } from '../base/limits.ts'
import type { Result } from '../base/json-fragments.ts'
import type { Context } from './method.ts'
import { methods } from './methods.ts'
import { MissingWatch } from '../fs/missing-watch.ts'
import { count, shortName, UNKNOWN_METHOD } from '../base/observer.ts'
import type { Observer, Origin, Outcome, Peer } from '../base/observer.ts'
import { OutboundScheduler } from '../base/outbound-scheduler.ts'
import { RequestLimiter } from './request-limiter.ts'
import type { RequestTicket } from './request-limiter.ts'
import type { Session, SessionRegistry } from '../session/session.ts'
import type { Snapshot } from '../base/snapshot.ts'
import { CloseCode } from '../base/transport.ts'
import type { Transport } from '../base/transport.ts'

/** Dependencies of a {@link Connection}. */
export type ConnectionOptions = {
  clock: Clock
  host: Host
  limits: Limits
  sessions: SessionRegistry
  observer: Observer
  drain: Drain
  /** Called once, when the connection is gone for good. */
  onGone: () => void
}

/** A transport calls `receive`, `refuse`, `drained` and `gone`; the server calls `settle` and `close`. */
export class Connection {
  readonly #transport: Transport
  readonly #options: ConnectionOptions
  readonly #pump: OutboundScheduler
  readonly #answers: ResponseMemoryLimiter
  readonly #load: RequestLimiter
  readonly #files = new FileOrder()
  readonly #handles: FileHandles
  readonly #http: HttpCalls
  readonly #watch: MissingWatch
  readonly #releases = new Set<() => void>()

  readonly #peer: Peer
  #session: Session | undefined
  #initialized = false
  /** `closing`: reads nothing more, but still answers accepted requests. `gone`: there is no peer to answer. */
  #state: 'open' | 'closing' | 'gone' = 'open'
  #runningCalls = 0
  #requests = 0
  #inputPaused = false
  #onIdle: (() => void) | undefined
  /** Reason for the close, if this side closes the connection. */
  #why: string | undefined

  constructor(transport: Transport, options: ConnectionOptions) {
    this.#transport = transport
    this.#options = options
    const { limits, observer } = options
    this.#pump = new OutboundScheduler(transport, limits.outboundOutput)
    this.#load = new RequestLimiter(limits)
    this.#handles = new FileHandles(limits.fileHandles)
    this.#answers = new ResponseMemoryLimiter(limits.outboundTotal, () => transport.queued())
    this.#watch = new MissingWatch((notification) => transport.send(notification))
    this.#http = new HttpCalls({ ...options, pump: this.#pump, hold: () => this.#hold() })
    this.#peer = { connection: ++observer.totals.connections, address: transport.peer }
    observer.opened?.(this.#peer)
  }

  // ---- called by the transport ----

  /** Handles one inbound message. */
  receive(bytes: Uint8Array): void {
    if (this.#state !== 'open') return
    const message = parseMessage(bytes)
    switch (message.kind) {
      case 'request':
        return this.#request(message.id, message.method, message.params, bytes.length)
      case 'notification':
        return this.#notification(message.method)
      case 'answer':
        return this.close(CloseCode.ProtocolError, 'unexpected answer: the server has asked nothing')
      case 'malformed':
        return this.refuse(message.detail)
    }
  }

  /** Responds with -32600 and id -1 to a message that cannot be parsed, or was too large to accept. */
  refuse(detail: string): void {
    if (this.#state === 'gone') return
    count(this.#options.observer.totals.errors, ErrorCode.InvalidRequest)
    const message = `failed to parse ${this.#transport.source}: ${detail}`
    this.#transport.send(encodeError(NO_ID, ErrorCode.InvalidRequest, message))
    this.#balanceInput()
  }

  /** The transport's queue has drained. */
  drained(): void {
    this.#answers.retry()
    this.#pump.flush()
    this.#balanceInput()
  }

  /** Answers the accepted requests, waiting reads included, then closes the transport. */
  close(code: CloseCode, reason: string): void {
    this.#why ??= reason
    void this.settle().then(() => {
      if (this.#state === 'gone') return
      this.#transport.close(code, reason)
      // Nothing that follows a close frame is processed, so the session may be resumed from now on.
      this.gone()
    })
  }

  /** Stops reading; settles once every accepted request has been answered. */
  settle(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closing'
    this.#release()
    this.#http.close()
    return new Promise((resolve) => {
      const before = this.#onIdle
      this.#onIdle = () => {
        before?.()
        resolve()
      }
      this.#checkIdle()
    })
  }

  /** The transport has closed, for `reason`. The session is detached and waits for its client to resume it. */
  gone(reason = 'the client has gone'): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#pump.stop()
    if (this.#session !== undefined) this.#options.sessions.detach(this.#session)
    this.#release()
    this.#answers.dispose()
    this.#handles.dispose()
    this.#http.dispose()
    this.#watch.dispose()
    this.#options.observer.closed?.(this.#peer, this.#why ?? reason)
    this.#options.onGone()
  }

  /**
   * Whether requests are unanswered or bytes queued. Processes hold back output only while the queue is not empty, so
   * this covers unsent output as well.
   */
  get isBusy(): boolean {
    return this.#runningCalls > 0 || this.#transport.queued() > 0
  }

  /** Adds this connection's counts to a snapshot. */
  collect(snapshot: Snapshot): void {
    snapshot.connections++
    snapshot.requests += this.#requests
    snapshot.httpRequests += this.#http.size
    snapshot.fileHandles += this.#handles.size
    snapshot.outboundBytes += this.#transport.queued()
  }

  #release(): void {
    for (const call of [...this.#releases]) call()
  }

  // ---- requests ----

  #notification(method: string): void {
    if (method !== Method.Initialized)
      return this.close(CloseCode.ProtocolError, `unexpected notification ${method.slice(0, 60)}`)
    if (this.#session === undefined) return this.close(CloseCode.ProtocolError, 'initialized came before initialize')
    this.#initialized = true
  }

  #request(id: IdText, method: string, params: JsonValue, bytes: number): void {
    const { totals } = this.#options.observer
    const afterwards: (() => void)[] = []
    const known = method === Method.Initialize || methods.has(method) ? method : UNKNOWN_METHOD
    count(totals.requests, known)
    const originOf = (processId: string): Origin | undefined => this.#session?.processes.originOf(processId)
    const request: Request = {
      id,
      method: known,
      afterwards,
      told: this.#options.observer.request?.(this.#peer, known, params, originOf),
    }
    const ticket = this.#load.begin(bytes)
    let result: Result | Promise<Result>
    try {
      result =
        method === Method.Initialize
          ? this.#initialize(params, afterwards)
          : this.#call(method, params, afterwards, ticket)
    } catch (error) {
      ticket.end()
      return this.#fail(request, error)
    }
    if (!(result instanceof Promise)) {
      ticket.end()
      return this.#answer(request, result)
    }
    const letGo = this.#hold()
    this.#requests++
    const finished = (): void => {
      this.#requests--
      ticket.end()
      this.#balanceInput()
      letGo()
    }
    void result
      .then((value) => this.#answer(request, value))
      .catch((error: unknown) => this.#fail(request, error))
      .finally(finished)
    this.#balanceInput()
  }

  /** Registers work that a closing connection waits for. Returns a function that ends it. */
  #hold(): () => void {
    this.#runningCalls++
    return () => {
      this.#runningCalls--
      this.#checkIdle()
    }
  }

  #call(name: string, params: JsonValue, afterwards: (() => void)[], ticket: RequestTicket): Result | Promise<Result> {
    const method = methods.get(name)
    if (method === undefined)
      throw new RpcError(ErrorCode.MethodNotFound, `exec-server does not implement \`${name.slice(0, 100)}\``)
    const call = method.prepare(params)
    const session = this.#session
    if (session === undefined) throw invalidRequest(`client must call initialize before using ${method.family} methods`)
    if (!this.#initialized) throw invalidRequest(`client must send initialized before using ${method.family} methods`)
    this.#options.drain.check(name)
    return call(this.#context(session, afterwards, ticket))
  }

  #context(session: Session, afterwards: (() => void)[], ticket: RequestTicket): Context {
    const { host, clock, limits } = this.#options
    return {
      session,
      runs: this.#options.sessions.runs,
      peer: this.#peer,
      host,
      clock,
      limits,
      files: this.#files,
      handles: this.#handles,
      http: this.#http,
      watch: this.#watch,
      onRelease: (call) => {
        // A closing connection releases waiting requests at once.
        if (this.#state !== 'open') queueMicrotask(call)
        this.#releases.add(call)
        return () => this.#releases.delete(call)
      },
      waits: ticket.waits,
      excludeFromLimit: ticket.excludeFromLimit,
      afterAnswer: (call) => afterwards.push(call),
      reserve: (bytes) => {
        const room = this.#answers.reserve(bytes)
        afterwards.push(() => this.#answers.release(bytes))
        return room
      },
    }
  }

  #initialize(params: JsonValue, afterwards: (() => void)[]): InitializeResult {
    const { clientName, resumeSessionId } = decodeParams(InitializeParams, params)
    if (this.#session !== undefined) throw invalidRequest('initialize may only be sent once per connection')
    const { sessions, host, observer, drain } = this.#options
    const environmentInfo = host.environmentInfo()
    const isNew = resumeSessionId === null || resumeSessionId === undefined
    if (isNew) drain.checkNewSession()
    const session = isNew ? sessions.create() : sessions.resume(resumeSessionId)
    this.#session = session
    session.probe = () => this.#transport.probe?.()
    this.#peer.client = shortName(clientName)
    this.#peer.session = session.id
    observer.session?.(isNew ? 'created' : 'resumed', session.id, this.#peer)
    // Events start after the response.
    afterwards.push(() => sessions.listen(session, this.#pump))
    return {
      sessionId: session.id,
      environmentInfo,
      extensions: EXTENSIONS.filter((name) => name !== 'processList' || !host.requiresSandbox),
    }
  }

  // ---- responses ----

  #answer(request: Request, result: Result): void {
    const { id, afterwards } = request
    const message = result instanceof RawJson ? result.asResult(id) : encodeResult(id, JSON.stringify(result))
    if (exceeds(message, this.#options.limits.messageBytes)) {
      return this.#fail(request, invalidRequest(`the answer is larger than ${this.#options.limits.messageBytes} bytes`))
    }
    this.#send(message, afterwards)
    request.told?.({ result })
  }

  #fail({ id, method, afterwards, told }: Request, error: unknown): void {
    if (!(error instanceof RpcError)) this.#options.host.report(error)
    const { code, message } =
      error instanceof RpcError ? error : { code: ErrorCode.Internal, message: 'internal error' }
    const { totals } = this.#options.observer
    count(totals.errors, code)
    if (method === Method.ProcessStart) totals.refusedStarts++
    this.#send(encodeError(id, code, message), afterwards)
    told?.({ error: { code, message, cause: error } })
  }

  #send(message: string | RawJson, afterwards: readonly (() => void)[]): void {
    if (this.#state !== 'gone') this.#transport.send(message)
    for (const call of afterwards) call()
    this.#balanceInput()
  }

  #checkIdle(): void {
    if (this.#runningCalls > 0 || this.#onIdle === undefined) return
    const call = this.#onIdle
    this.#onIdle = undefined
    call()
  }

  /** Pauses input while the client leaves its responses unread, or has too many requests running. */
  #balanceInput(): void {
    if (this.#state === 'gone') return
    const pause = this.#transport.queued() > this.#options.limits.outboundTotal || this.#load.isFull
    if (pause === this.#inputPaused) return
    this.#inputPaused = pause
    if (pause) this.#transport.pauseInput()
    else this.#transport.resumeInput()
  }
}

/** A request that has not been answered. */
type Request = {
  id: IdText
  /** A known method, or {@link UNKNOWN_METHOD}. */
  method: string
  afterwards: (() => void)[]
  /** The observer's callback for the outcome. */
  told: ((outcome: Outcome) => void) | undefined
}

/**
 * Whether a message is larger than `bytes`. Text is encoded only if it might be: a UTF-16 unit has at most 3 bytes in
 * UTF-8.
 */
function exceeds(message: string | RawJson, bytes: number): boolean {
  if (typeof message !== 'string' || message.length > bytes) return message.length > bytes
  return message.length * 3 > bytes && new TextEncoder().encode(message).length > bytes
}
