/**
 * One connection: reads messages, runs requests concurrently, responds, and sends the events of its session's
 * processes.
 *
 * An unreadable message is answered with id -1 and the connection stays open. A few protocol violations close it, once
 * every request accepted before has been answered.
 */
import { parseMessage } from '../../protocol/wire/envelope.ts'
import type { IdText } from '../../protocol/wire/envelope.ts'
import { ErrorCode, invalidRequest, RpcError } from '../../protocol/wire/errors.ts'
import type { JsonValue } from '../../protocol/wire/json.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { decodeParams } from '../../protocol/schemas/schema-primitives.ts'
import { InitializeParams } from '../../protocol/schemas/session.ts'
import type { InitializeResult } from '../../protocol/schemas/session.ts'
import type { Clock } from '../base/clock.ts'
import type { Drain } from '../session/drain.ts'
import { FileHandles } from '../fs/file-handles.ts'
import { FileOrder } from '../fs/file-order.ts'
import type { Host } from '../base/host.ts'
import { HttpCalls } from '../http/http-calls.ts'
import type { Limits } from '../base/limits.ts'
import type { Result } from '../base/json-fragments.ts'
import { IdleWaiter } from './idle-waiter.ts'
import type { Admit, Services } from './method.ts'
import { methods } from './methods.ts'
import { MissingWatch } from '../fs/missing-watch.ts'
import { count, shortName, UNKNOWN_METHOD } from '../base/observer.ts'
import type { Observer, Origin, Peer } from '../base/observer.ts'
import { OutboundScheduler } from '../base/outbound-scheduler.ts'
import { RunFeed } from '../process/run-feed.ts'
import { initializeResult } from './initialize-result.ts'
import { Requests } from './requests.ts'
import { Responder } from './responder.ts'
import type { SessionRegistry } from '../session/session.ts'
import type { Snapshot } from '../base/snapshot.ts'
import type { Ticket } from './ticket.ts'
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
  readonly #scheduler: OutboundScheduler
  readonly #requests: Requests
  readonly #responder: Responder
  readonly #idle = new IdleWaiter(() => this.#isIdle)
  readonly #handles: FileHandles
  readonly #http: HttpCalls
  readonly #watch: MissingWatch
  readonly #feed: RunFeed

  readonly #peer: Peer
  /** Set by `initialize`. */
  #services: Services | undefined
  #initialized = false
  /** `closing`: reads nothing more, but still answers accepted requests. `gone`: there is no peer to answer. */
  #state: 'open' | 'closing' | 'gone' = 'open'
  #inputPaused = false
  /** Reason for the close, if this side closes the connection. */
  #closeReason: string | undefined

  constructor(transport: Transport, options: ConnectionOptions) {
    this.#transport = transport
    this.#options = options
    const { host, limits, observer } = options
    const onIdle = (): void => this.#idle.check()
    this.#scheduler = new OutboundScheduler(transport, limits.outboundOutput)
    this.#requests = new Requests({
      limits,
      queued: () => transport.queued(),
      report: (fault) => host.report(fault),
      onIdle,
    })
    this.#responder = new Responder(transport, options)
    this.#handles = new FileHandles(limits.fileHandles)
    this.#watch = new MissingWatch((notification) => transport.send(notification))
    this.#feed = new RunFeed(this.#scheduler, limits.runChanges)
    this.#http = new HttpCalls({ ...options, scheduler: this.#scheduler, onIdle })
    this.#peer = { connection: ++observer.totals.connections, address: transport.peer }
    observer.opened?.(this.#peer)
  }

  // ---- called by the transport ----

  /** Handles one inbound message, and may overwrite it. Returns whether its bytes are still used. */
  receive(bytes: Uint8Array): boolean {
    if (this.#state !== 'open') return false
    const message = parseMessage(bytes)
    switch (message.kind) {
      case 'request':
        this.#request(message.id, message.method, message.params, bytes.length)
        return message.keepsBytes
      case 'notification':
        this.#notification(message.method)
        break
      case 'response':
        this.close(CloseCode.ProtocolError, 'unexpected answer: the server has asked nothing')
        break
      case 'malformed':
        this.refuse(message.detail, message.id)
    }
    return false
  }

  /** Responds with -32600 to a message that cannot be parsed, or was too large to accept. The default id is -1. */
  refuse(detail: string, id?: IdText): void {
    if (this.#state === 'gone') return
    this.#responder.refuse(detail, id)
    this.#balanceInput()
  }

  /** The transport's queue has drained. */
  drained(): void {
    this.#requests.responseMemory.retry()
    this.#scheduler.flush()
    this.#balanceInput()
  }

  /** Answers the accepted requests, waiting reads included, then closes the transport. */
  close(code: CloseCode, reason: string): void {
    this.#closeReason ??= reason
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
    this.#requests.close()
    this.#http.close()
    return this.#idle.wait()
  }

  /** The transport has closed, for `reason`. The session is detached and waits for its client to resume it. */
  gone(reason = 'the client has gone'): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#scheduler.stop()
    this.#responder.stop()
    if (this.#services !== undefined) this.#options.sessions.detach(this.#services.session)
    this.#requests.dispose()
    this.#handles.dispose()
    this.#http.dispose()
    this.#watch.dispose()
    this.#feed.dispose()
    this.#options.observer.closed?.(this.#peer, this.#closeReason ?? reason)
    this.#options.onGone()
  }

  /** Whether `initialize` has succeeded. */
  get isInitialized(): boolean {
    return this.#services !== undefined
  }

  /** Size in bytes that the next message may have: little before `initialize`. */
  get messageBytes(): number {
    const { messageBytes, firstMessageBytes } = this.#options.limits
    return this.isInitialized ? messageBytes : Math.min(messageBytes, firstMessageBytes)
  }

  /**
   * Whether requests are unanswered or bytes queued. Processes hold back output only while the queue is not empty, so
   * this covers unsent output as well.
   */
  get isBusy(): boolean {
    return !this.#isIdle || this.#transport.queued() > 0
  }

  /** Whether its answers have no reader any more. */
  get isGone(): boolean {
    return this.#state === 'gone'
  }

  /** Adds this connection's counts to a snapshot. */
  collect(snapshot: Snapshot): void {
    snapshot.connections++
    snapshot.requests += this.#requests.size
    snapshot.httpRequests += this.#http.size
    snapshot.fileHandles += this.#handles.size
    snapshot.outboundBytes += this.#transport.queued()
  }

  get #isIdle(): boolean {
    return this.#requests.size === 0 && this.#http.size === 0
  }

  // ---- requests ----

  #notification(method: string): void {
    if (method !== Method.Initialized)
      return this.close(CloseCode.ProtocolError, `unexpected notification ${method.slice(0, 60)}`)
    if (this.#services === undefined) return this.close(CloseCode.ProtocolError, 'initialized came before initialize')
    this.#initialized = true
  }

  #request(id: IdText, method: string, params: JsonValue, bytes: number): void {
    const { observer } = this.#options
    const known = method === Method.Initialize || methods.has(method) ? method : UNKNOWN_METHOD
    count(observer.totals.requests, known)
    const onOutcome = observer.request?.(this.#peer, known, params, this.#originOf)
    const ticket = this.#requests.begin({ id, method: known, onOutcome }, bytes)
    try {
      const result =
        method === Method.Initialize ? this.#initialize(params, ticket) : this.#call(method, params, ticket)
      if (result instanceof Promise) {
        this.#requests.track(ticket)
        void this.#respondLater(ticket, result)
      } else this.#responder.succeed(ticket, result)
    } catch (error) {
      this.#responder.fail(ticket, error)
    }
    this.#balanceInput()
  }

  async #respondLater(ticket: Ticket, result: Promise<Result>): Promise<void> {
    try {
      this.#responder.succeed(ticket, await result)
    } catch (error) {
      this.#responder.fail(ticket, error)
    }
    this.#balanceInput()
  }

  #call(name: string, params: JsonValue, ticket: Ticket): Result | Promise<Result> {
    const method = methods.get(name)
    if (method === undefined)
      throw new RpcError(ErrorCode.MethodNotFound, `exec-server does not implement \`${name.slice(0, 100)}\``)
    return method.call(params, this.#admit, ticket)
  }

  readonly #admit: Admit = (family, { method }) => {
    const services = this.#services
    if (services === undefined) throw invalidRequest(`client must call initialize before using ${family} methods`)
    if (!this.#initialized) throw invalidRequest(`client must send initialized before using ${family} methods`)
    this.#options.drain.check(method)
    return services
  }

  readonly #originOf = (processId: string): Origin | undefined => this.#services?.session.processes.originOf(processId)

  #initialize(params: JsonValue, ticket: Ticket): InitializeResult {
    const { clientName, resumeSessionId } = decodeParams(InitializeParams, params)
    if (this.#services !== undefined) throw invalidRequest('initialize may only be sent once per connection')
    const { sessions, host, clock, limits, observer, drain } = this.#options
    const environmentInfo = host.environmentInfo()
    const isNew = resumeSessionId === null || resumeSessionId === undefined
    if (isNew) drain.checkNewSession()
    const session = isNew ? sessions.create() : sessions.resume(resumeSessionId)
    this.#services = {
      session,
      registry: sessions.registry,
      detached: sessions.detached,
      feed: this.#feed,
      peer: this.#peer,
      host,
      clock,
      limits,
      caller: this,
      files: new FileOrder(),
      handles: this.#handles,
      http: this.#http,
      watch: this.#watch,
    }
    session.probe = () => this.#transport.probe?.()
    this.#peer.client = shortName(clientName)
    this.#peer.session = session.id
    observer.session?.(isNew ? 'created' : 'resumed', session.id, this.#peer)
    // Events start after the response.
    ticket.afterResponse(() => sessions.listen(session, this.#scheduler))
    return initializeResult(session.id, environmentInfo, host)
  }

  /** Pauses input while the client leaves its responses unread, or has too many requests running. */
  #balanceInput(): void {
    if (this.#state === 'gone') return
    const pause = this.#transport.queued() > this.#options.limits.outboundTotal || this.#requests.isFull
    if (pause === this.#inputPaused) return
    this.#inputPaused = pause
    if (pause) this.#transport.pauseInput()
    else this.#transport.resumeInput()
  }
}
