/**
 * One connection: reads messages, runs requests concurrently, responds, and sends the events of its session's
 * processes.
 *
 * An unreadable message is answered with id -1 and the connection stays open. A few protocol violations close it, once
 * every request accepted before has been answered.
 */
import { parseMessage } from '../../protocol/wire/envelope.ts'
import type { IdText, Message } from '../../protocol/wire/envelope.ts'
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import type { JsonValue } from '../../protocol/wire/json.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { FileHandles } from '../fs/file-handles.ts'
import { HttpCalls } from '../http/http-calls.ts'
import type { NetBudget } from '../net/net-budget.ts'
import { NetConnections } from '../net/net-connections.ts'
import type { Result } from '../base/json-fragments.ts'
import { IdleWaiter } from './idle-waiter.ts'
import { methods } from './methods.ts'
import { MissingWatch } from '../fs/missing-watch.ts'
import { count, UNKNOWN_METHOD } from '../base/observer.ts'
import type { Origin, Peer } from '../base/observer.ts'
import { OutboundScheduler } from '../base/outbound-scheduler.ts'
import { RunFeed } from '../process/run-feed.ts'
import { Handshake } from './handshake.ts'
import type { HandshakeOptions } from './handshake.ts'
import { Requests } from './requests.ts'
import { openResponder } from './responder.ts'
import type { Responds } from './responder.ts'
import type { Snapshot } from '../base/snapshot.ts'
import type { Ticket } from './ticket.ts'
import { CloseCode } from '../base/transport.ts'
import type { Transport, ValueTransport } from '../base/transport.ts'

/** Dependencies of a {@link Connection}. */
export type ConnectionOptions = HandshakeOptions & {
  netBudget: NetBudget
  /** Called once, when the connection is gone for good. */
  onGone: () => void
}

/** A transport calls `receive` or `accept`, `refuse`, `drained` and `gone`; the server calls `settle` and `close`. */
export class Connection {
  readonly #transport: Transport | ValueTransport
  readonly #options: ConnectionOptions
  readonly #scheduler: OutboundScheduler
  readonly #requests: Requests
  readonly #responder: Responds
  readonly #idle = new IdleWaiter(() => this.#isIdle)
  readonly #handles: FileHandles
  readonly #http: HttpCalls
  readonly #net: NetConnections
  readonly #watch: MissingWatch
  readonly #feed: RunFeed
  readonly #handshake: Handshake

  readonly #peer: Peer
  /** `closing`: reads nothing more, but still answers accepted requests. `gone`: there is no peer to answer. */
  #state: 'open' | 'closing' | 'gone' = 'open'
  #inputPaused = false
  /** Reason for the close, if this side closes the connection. */
  #closeReason: string | undefined

  constructor(transport: Transport | ValueTransport, options: ConnectionOptions) {
    this.#transport = transport
    this.#options = options
    const { host, limits, observer } = options
    const onIdle = (): void => this.#idle.check()
    const { sink, responder } = openResponder(transport, options)
    this.#scheduler = new OutboundScheduler(sink, limits.outboundOutput)
    this.#requests = new Requests({
      limits,
      queued: () => transport.queued(),
      report: (fault) => host.report(fault),
      onIdle,
    })
    this.#responder = responder
    this.#handles = new FileHandles(limits.fileHandles)
    this.#watch = new MissingWatch((notice) => sink.notify(notice))
    this.#feed = new RunFeed(this.#scheduler, limits.runChanges, options.pathMap)
    this.#http = new HttpCalls({ ...options, scheduler: this.#scheduler, onIdle })
    this.#net = new NetConnections({ ...options, budget: options.netBudget, scheduler: this.#scheduler })
    this.#peer = { connection: ++observer.totals.connections, address: transport.peer }
    this.#handshake = new Handshake(options, {
      peer: this.#peer,
      caller: this,
      feed: this.#feed,
      handles: this.#handles,
      http: this.#http,
      net: this.#net,
      watch: this.#watch,
      listener: this.#scheduler,
      probe: () => transport.probe?.(),
    })
    observer.opened?.(this.#peer)
  }

  // ---- called by the transport ----

  /** Handles one inbound message as JSON text, and may overwrite it. Returns whether its bytes are still used. */
  receive(bytes: Uint8Array): boolean {
    return this.#state === 'open' && this.accept(parseMessage(bytes), bytes.length)
  }

  /** Handles one inbound message, which has `bytes` bytes as JSON text. Returns whether these are still used. */
  accept(message: Message, bytes: number): boolean {
    if (this.#state !== 'open') return false
    if (message.kind === 'request') {
      const isUnderWay = this.#request(message.id, message.method, message.params, bytes)
      return isUnderWay && message.keepsBytes
    }
    if (message.kind === 'notification') this.#notification(message.method)
    else if (message.kind === 'malformed') this.refuse(message.detail, message.id)
    else this.close(CloseCode.ProtocolError, 'unexpected answer: the server has asked nothing')
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
    const { session } = this.#handshake
    if (session !== undefined) this.#options.sessions.detach(session)
    this.#requests.dispose()
    this.#handles.dispose()
    this.#http.dispose()
    this.#net.dispose()
    this.#watch.dispose()
    this.#feed.dispose()
    this.#options.observer.closed?.(this.#peer, this.#closeReason ?? reason)
    this.#options.onGone()
  }

  /** Whether `initialize` has succeeded. */
  get isInitialized(): boolean {
    return this.#handshake.session !== undefined
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
    snapshot.netConnections += this.#net.size
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
    if (!this.#handshake.complete()) this.close(CloseCode.ProtocolError, 'initialized came before initialize')
  }

  /** Returns whether it goes on after this call. */
  #request(id: IdText, method: string, params: JsonValue, bytes: number): boolean {
    let isUnderWay = false
    const { observer } = this.#options
    const known = method === Method.Initialize || methods.has(method) ? method : UNKNOWN_METHOD
    count(observer.totals.requests, known)
    const onOutcome = observer.request?.(this.#peer, known, params, this.#originOf)
    const ticket = this.#requests.begin({ id, method: known, onOutcome }, bytes)
    try {
      const result =
        method === Method.Initialize ? this.#handshake.initialize(params, ticket) : this.#call(method, params, ticket)
      if (result instanceof Promise) {
        isUnderWay = true
        this.#requests.track(ticket)
        void this.#respondLater(ticket, result)
      } else this.#responder.succeed(ticket, result)
    } catch (error) {
      this.#responder.fail(ticket, error)
    }
    this.#balanceInput()
    return isUnderWay
  }

  async #respondLater(ticket: Ticket, result: Promise<Result>): Promise<void> {
    try {
      const later = this.#responder.succeedInTurns(ticket, await result)
      if (later !== undefined) await later
    } catch (error) {
      this.#responder.fail(ticket, error)
    }
    this.#balanceInput()
  }

  #call(name: string, params: JsonValue, ticket: Ticket): Result | Promise<Result> {
    const method = methods.get(name)
    if (method === undefined)
      throw new RpcError(ErrorCode.MethodNotFound, `exec-server does not implement \`${name.slice(0, 100)}\``)
    return method.call(params, this.#handshake.admit, ticket, this.#options.pathMap)
  }

  readonly #originOf = (processId: string): Origin | undefined => this.#handshake.session?.processes.originOf(processId)

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
