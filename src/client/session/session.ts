/**
 * A session on a server. It outlives the connections that carry it.
 *
 * After a lost connection the session reconnects, resumes and lets its processes catch up, while new calls queue.
 * In-flight calls that are repeatable are sent again; all others fail, as it is unknown whether the server carried them
 * out. If the session cannot be resumed in time, every pending and later call fails with the same reason.
 */
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { EnvironmentInfo } from '../../protocol/schemas/session.ts'
import { deadline, delay } from './abort.ts'
import { ParamsText } from './rpc-client.ts'
import type { Caller, CallOptions, Params, Paths } from './rpc-client.ts'
import { Connection } from './connection.ts'
import { createPaths } from './path-codec.ts'
import { ConnectError, DisconnectedError, messageOf, ProtocolError } from '../base/errors.ts'
import { createInputHold } from './read-throttle.ts'
import type { InputHold } from './read-throttle.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { ClientState } from '../base/types.ts'
import type { Connector } from '../transports/transport.ts'

/** Options of {@link Session.open}. */
export type SessionOptions = {
  connector: Connector
  limits: ClientLimits
  clientName: string
  /** Cancels the first connection attempt. */
  signal?: AbortSignal | undefined
}

/**
 * Catches up after a resumption, using the given `call`.
 * @throws {DisconnectedError} If the connection is lost again.
 */
export type Recover = (call: Caller['call']) => Promise<void>

type Call = {
  method: string
  params: Params | ((paths: Paths) => Params)
  options: CallOptions
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
  isSettled: boolean
}

type Greeting = { sessionId?: unknown; environmentInfo?: EnvironmentInfo | null; extensions?: unknown }

/** Old servers report this with a generic error code, so match the message. */
const ATTACHED = /already attached/

/** A session; see the top of the file. */
export class Session implements Caller {
  readonly #options: SessionOptions
  /** Queued calls, in order. */
  readonly #waiting = new Set<Call>()
  /** Urgent queued calls, sent before those in #waiting. */
  readonly #urgent = new Set<Call>()
  readonly #inFlight = new Set<Call>()
  readonly #handlers = new Map<string, Set<(params: unknown) => void>>()
  readonly #onLost = new Set<(error: DisconnectedError) => void>()
  readonly #recoveries = new Set<Recover>()
  readonly #closing = new AbortController()
  readonly #hold: InputHold
  readonly #closed = Promise.withResolvers<Error | undefined>()

  #connection: Connection | undefined
  #number = 1
  #state: ClientState = 'connected'
  #error: Error | undefined
  #sessionId = ''
  #environmentInfo: EnvironmentInfo | undefined
  #extensions: ReadonlySet<string> = new Set()
  /** Servers up to 0.140 expect plain paths, those from 0.150 on URIs. Only the latter report their environment. */
  #paths = createPaths(true)
  #isDialectKnown = false

  private constructor(options: SessionOptions) {
    this.#options = options
    this.#hold = createInputHold(options.limits.holdMs, () => this.#balanceInput())
  }

  /**
   * Connects and performs the handshake. Leaves nothing behind on failure.
   * @throws {ConnectError} If no connection can be opened.
   * @throws {RpcError} If the server refuses the handshake.
   */
  static async open(options: SessionOptions): Promise<Session> {
    const session = new Session(options)
    session.#connection = await session.#connect(null, options.signal ?? session.#closing.signal)
    // The connection may have been lost right after the handshake.
    if (session.#connection.isLost)
      throw new ConnectError(`the connection to ${options.connector.name} was lost at once`, { isTransient: true })
    session.#watch(session.#connection)
    return session
  }

  get sessionId(): string {
    return this.#sessionId
  }

  get state(): ClientState {
    return this.#state
  }

  get closed(): Promise<Error | undefined> {
    return this.#closed.promise
  }

  get connection(): number {
    return this.#number
  }

  get environmentInfo(): EnvironmentInfo | undefined {
    return this.#environmentInfo
  }

  get extensions(): ReadonlySet<string> {
    return this.#extensions
  }

  get paths(): ReturnType<typeof createPaths> {
    return this.#paths
  }

  // ---- calls ----

  call<T>(method: string, params: Params | ((paths: Paths) => Params), options: CallOptions = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = options
      const abort = (): void => {
        this.#waiting.delete(call)
        this.#urgent.delete(call)
        call.reject(signal?.reason)
      }
      const settle = (): boolean => {
        if (call.isSettled) return false
        call.isSettled = true
        signal?.removeEventListener('abort', abort)
        return true
      }
      const call: Call = {
        method,
        params,
        options,
        resolve: (result) => settle() && resolve(result as T),
        reject: (error) => settle() && reject(error),
        isSettled: false,
      }
      if (signal?.aborted === true) return call.reject(signal.reason)
      signal?.addEventListener('abort', abort, { once: true })
      this.#begin(call)
    })
  }

  #begin(call: Call): void {
    const { connection: only, urgent = false } = call.options
    if (this.#state === 'closed') return call.reject(this.#error)
    if (only !== undefined && only !== this.#number)
      return call.reject(new DisconnectedError('what this call is about went with it'))
    const { callsInFlight, callsWaiting } = this.#options.limits
    if (this.#state === 'connected' && (urgent || (this.#waiting.size === 0 && this.#inFlight.size < callsInFlight)))
      return this.#send(call)
    if (this.#waiting.size + this.#urgent.size >= callsWaiting)
      return call.reject(new Error(`${callsWaiting} calls are waiting already`))
    const queue = urgent ? this.#urgent : this.#waiting
    queue.add(call)
  }

  #send(call: Call, connection = this.#connection as Connection): void {
    let text: string
    try {
      text = paramsText(typeof call.params === 'function' ? call.params(this.#paths) : call.params)
    } catch (error) {
      return call.reject(error)
    }
    this.#inFlight.add(call)
    this.#balanceInput()
    const leave = (): void => {
      this.#inFlight.delete(call)
      this.#balanceInput()
      this.#sendWaiting()
    }
    connection.request(call.method, text, {
      resolve: (result) => {
        call.resolve(result)
        leave()
      },
      reject: (error) => {
        if (this.#mayBeOurSpelling(call, error)) return this.#respell(call, connection)
        call.reject(error)
        leave()
      },
      lost: (reason) => {
        // A repeatable call stays in #inFlight, in order, to be sent again after the recovery.
        if (
          call.options.repeatable === true &&
          call.options.connection === undefined &&
          !call.isSettled &&
          this.#state !== 'closed'
        )
          return
        this.#inFlight.delete(call)
        call.reject(new DisconnectedError(reason))
      },
    })
  }

  get #allWaiting(): Call[] {
    return [...this.#urgent, ...this.#waiting]
  }

  #sendWaiting(): void {
    while (this.#state === 'connected' && this.#inFlight.size < this.#options.limits.callsInFlight) {
      const queue = this.#urgent.size > 0 ? this.#urgent : this.#waiting
      const [call] = queue
      if (call === undefined) return
      queue.delete(call)
      if (!call.isSettled) this.#send(call)
    }
  }

  /**
   * A server that does not report its environment may still expect URIs. It rejected the params, so nothing was done
   * yet.
   */
  #mayBeOurSpelling({ params }: Call, error: RpcError): boolean {
    return (
      typeof params === 'function' &&
      !this.#isDialectKnown &&
      error.code === ErrorCode.InvalidParams &&
      /URI/.test(error.message)
    )
  }

  #respell(call: Call, connection: Connection): void {
    this.#isDialectKnown = true
    this.#paths = createPaths(true)
    this.#inFlight.delete(call)
    this.#send(call, connection)
  }

  // ---- notifications and recovery ----

  onNotification(method: string, handle: (params: unknown) => void): () => void {
    const handlers = this.#handlers.get(method) ?? new Set()
    this.#handlers.set(method, handlers.add(handle))
    return () => handlers.delete(handle)
  }

  onLost(handle: (error: DisconnectedError) => void): () => void {
    this.#onLost.add(handle)
    return () => this.#onLost.delete(handle)
  }

  /** Calls `recover` after each resumption, before queued calls are sent. Returns a function that unregisters it. */
  onResumed(recover: Recover): () => void {
    this.#recoveries.add(recover)
    return () => this.#recoveries.delete(recover)
  }

  holdInput(holder: object, isBehind: boolean): void {
    this.#hold.update(holder, isBehind)
  }

  #balanceInput(): void {
    this.#connection?.setPaused(this.#hold.isHeld && this.#inFlight.size === 0)
  }

  // ---- connections ----

  async #connect(resumeSessionId: string | null, signal: AbortSignal): Promise<Connection> {
    const { connector, limits, clientName } = this.#options
    const connection: Connection = new Connection(limits, {
      notification: (method, params) => {
        for (const handle of this.#handlers.get(method) ?? []) handle(params)
      },
      lost: (reason) => connection === this.#connection && this.#lost(reason),
    })
    const opening = deadline(
      limits.connectMs,
      () => tooSlow(`connecting to ${connector.name} took more than ${limits.connectMs} ms`),
      signal,
    )
    try {
      connection.opened(await connector.open(connection, opening.signal))
    } finally {
      opening.done()
    }
    const noAnswer = (): Error =>
      tooSlow(`${connector.name} did not answer the handshake within ${limits.initializeMs} ms`)
    const handshake = deadline(limits.initializeMs, noAnswer, signal)
    try {
      const params = JSON.stringify({ clientName, resumeSessionId })
      this.#greeted(await ask(connection, Method.Initialize, params, handshake.signal), resumeSessionId)
      connection.notify(Method.Initialized, '{}')
      return connection
    } catch (error) {
      await connection.close()
      if (!(error instanceof DisconnectedError)) throw error
      throw new ConnectError(`${connector.name} ended the connection during the handshake: ${error.reason}`, {
        isTransient: true,
      })
    } finally {
      handshake.done()
    }
  }

  #greeted(result: unknown, expected: string | null): void {
    const { sessionId, environmentInfo, extensions } = (result ?? {}) as Greeting
    if (typeof sessionId !== 'string')
      throw new ProtocolError('the server has answered initialize without a session id')
    if (expected !== null && sessionId !== expected)
      throw new ProtocolError(`the server has given another session, ${sessionId}`)
    this.#sessionId = sessionId
    this.#environmentInfo = environmentInfo ?? undefined
    this.#extensions = new Set(Array.isArray(extensions) ? extensions.filter((name) => typeof name === 'string') : [])
    if (this.#isDialectKnown) return
    this.#isDialectKnown = environmentInfo !== undefined && environmentInfo !== null
    this.#paths = createPaths(this.#isDialectKnown)
  }

  #watch(connection: Connection): void {
    if (!this.#options.connector.canVanish) return
    connection.watch(() => {
      // Codex's server answers in order: while it works on a long call, silence does not mean that it is gone.
      const waits = [...this.#inFlight].some(
        ({ method }) => method === Method.ProcessRead || method === Method.HttpRequest,
      )
      if (waits && this.#extensions.size === 0) connection.alive()
      else connection.request(Method.EnvironmentStatus, 'null', { resolve: () => {}, reject: () => {}, lost: () => {} })
    })
  }

  #lost(reason: string): void {
    if (this.#state === 'closed') return
    const error = new DisconnectedError(reason)
    const recovers = this.#options.connector.recovers
    if (recovers) this.#state = 'recovering'
    this.#number++
    for (const handle of [...this.#onLost]) handle(error)
    for (const call of this.#allWaiting) if (call.options.connection !== undefined) call.reject(error)
    if (!recovers) return this.#end(error)
    void this.#recover(reason)
  }

  async #recover(reason: string): Promise<void> {
    const { connector, limits } = this.#options
    const budget = deadline(
      limits.recoveryMs,
      () => new Error(`recovery took more than ${limits.recoveryMs / 1000} s`),
      this.#closing.signal,
    )
    let last: unknown
    try {
      for (;;) {
        try {
          const connection = await this.#connect(this.#sessionId, budget.signal)
          await this.#resume(connection, budget.signal)
          return
        } catch (error) {
          if (budget.signal.aborted) throw budget.signal.reason
          last = error
          if (!isTransient(error)) throw error
        }
        await delay(limits.recoveryIntervalMs, budget.signal)
      }
    } catch (error) {
      const why =
        error === last || last === undefined ? messageOf(error) : `${messageOf(error)}, at last: ${messageOf(last)}`
      this.#end(new DisconnectedError(`${reason}; the session on ${connector.name} could not be resumed: ${why}`))
    } finally {
      budget.done()
    }
  }

  async #resume(connection: Connection, signal: AbortSignal): Promise<void> {
    // #lost only handles the connection in use: if this one is lost, these calls fail.
    const call = <T>(method: string, params: Params | ((paths: Paths) => Params)): Promise<T> =>
      ask(
        connection,
        method,
        paramsText(typeof params === 'function' ? params(this.#paths) : params),
        signal,
      ) as Promise<T>
    try {
      await Promise.all([...this.#recoveries].map((recover) => recover(call)))
      if (connection.isLost) throw new DisconnectedError('it was lost again')
    } catch (error) {
      await connection.close()
      throw error
    }
    this.#connection = connection
    this.#state = 'connected'
    this.#watch(connection)
    const again = [...this.#inFlight]
    this.#inFlight.clear()
    for (const call of again) if (!call.isSettled) this.#send(call)
    this.#sendWaiting()
    this.#balanceInput()
  }

  #end(error: Error | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#error = error ?? new Error('the client was closed')
    for (const call of [...this.#inFlight, ...this.#allWaiting]) call.reject(this.#error)
    this.#inFlight.clear()
    this.#waiting.clear()
    this.#urgent.clear()
    this.#recoveries.clear()
    this.#closed.resolve(error)
  }

  /** Closes the session and its connection. Resolves when both have ended. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return void (await this.#connection?.close())
    const error = new DisconnectedError('the client was closed')
    for (const handle of [...this.#onLost]) handle(error)
    this.#end(undefined)
    this.#closing.abort(error)
    await this.#connection?.close()
  }
}

const tooSlow = (message: string): ConnectError => new ConnectError(message, { isTransient: true })

function paramsText(params: Params): string {
  return params instanceof ParamsText ? params.text : JSON.stringify(params)
}

/**
 * Sends one request directly on a connection, bypassing the queue. Rejects with RpcError, DisconnectedError or the
 * signal's reason.
 */
function ask(connection: Connection, method: string, params: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    const done = <V>(settle: (value: V) => void) => {
      return (value: V): void => {
        signal.removeEventListener('abort', abort)
        settle(value)
      }
    }
    const lost = done((reason: string) => reject(new DisconnectedError(reason)))
    connection.request(method, params, { resolve: done(resolve), reject: done(reject), lost })
  })
}

/** Whether another attempt to resume may succeed. */
function isTransient(error: unknown): boolean {
  if (error instanceof ConnectError) return error.isTransient
  if (error instanceof DisconnectedError) return true
  return error instanceof RpcError && (error.code === ErrorCode.SessionAttached || ATTACHED.test(error.message))
}
