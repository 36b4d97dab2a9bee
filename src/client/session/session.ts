/**
 * A session on a server. It outlives the connections that carry it.
 *
 * After a lost connection the session reconnects, resumes and lets its processes catch up, while new calls queue.
 * In-flight calls that are repeatable are sent again; all others fail, as it is unknown whether the server carried them
 * out. If the session cannot be resumed in time, every pending and later call fails with the same reason.
 *
 * Whether it is connected, recovering or closed stands in `#state` alone. Its transitions:
 *
 *     connected  -> recovering  #onConnectionLost, if the transport can reconnect
 *     recovering -> connected   #resume
 *     any        -> closed      #end: the connection is lost for good, or `close` was called
 */
import { Method } from '../../protocol/wire/methods.ts'
import type { EnvironmentInfo } from '../../protocol/schemas/session.ts'
import { ConnectError, DisconnectedError, messageOf } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { ClientState } from '../base/types.ts'
import type { Connector } from '../transports/transport.ts'
import { CallQueue } from './call-queue.ts'
import { Connection } from './connection.ts'
import { callDirectly } from './direct-call.ts'
import { openConnection } from './handshake.ts'
import { createReadThrottle } from './read-throttle.ts'
import type { ReadThrottle } from './read-throttle.ts'
import { retry } from './retry.ts'
import { resolveParams } from './rpc-client.ts'
import type { CallOptions, ParamsSource, RpcClient } from './rpc-client.ts'
import { ServerProfile } from './server-profile.ts'

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
export type Recover = (call: RpcClient['call']) => Promise<void>

/** A session; see the top of the file. */
export class Session implements RpcClient {
  readonly #options: SessionOptions
  readonly #profile = new ServerProfile()
  readonly #calls: CallQueue
  readonly #throttle: ReadThrottle
  readonly #handlers = new Map<string, Set<(params: unknown) => void>>()
  readonly #onLost = new Set<(error: DisconnectedError) => void>()
  readonly #recoveries = new Set<Recover>()
  /** Aborted by `close`: ends a recovery. */
  readonly #closing = new AbortController()
  readonly #closed = Promise.withResolvers<Error | undefined>()

  #state: ClientState = 'connected'
  /** The current connection or, unless `connected`, the last one. */
  #connection: Connection | undefined
  /** Number of the connection. While recovering, that of the next one. */
  #number = 1
  /** Why the session is closed. */
  #error: Error | undefined

  private constructor(options: SessionOptions) {
    this.#options = options
    this.#throttle = createReadThrottle(options.limits.holdMs, () => this.#pauseOrResumeReading())
    this.#calls = new CallQueue({
      limits: options.limits,
      profile: this.#profile,
      connection: () => (this.#state === 'connected' ? this.#connection : undefined),
      onChange: () => this.#pauseOrResumeReading(),
    })
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
    return this.#profile.sessionId
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
    return this.#profile.environmentInfo
  }

  get extensions(): ReadonlySet<string> {
    return this.#profile.extensions
  }

  // ---- calls and notifications ----

  call<T>(method: string, params: ParamsSource, options: CallOptions = {}): Promise<T> {
    const { connection, signal } = options
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (this.#state === 'closed') return Promise.reject(this.#error)
    if (connection !== undefined && connection !== this.#number)
      return Promise.reject(new DisconnectedError('what this call is about went with it'))
    return this.#calls.add(method, params, options)
  }

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

  throttleReads(reader: object, isBehind: boolean): void {
    this.#throttle.update(reader, isBehind)
  }

  #pauseOrResumeReading(): void {
    this.#connection?.setPaused(this.#throttle.isThrottled && !this.#calls.isBusy)
  }

  // ---- connections ----

  async #connect(resumeSessionId: string | null, signal: AbortSignal): Promise<Connection> {
    const { connector, limits, clientName } = this.#options
    const connection: Connection = new Connection(limits, {
      notification: (method, params) => {
        for (const handle of this.#handlers.get(method) ?? []) handle(params)
      },
      lost: (reason) => connection === this.#connection && this.#onConnectionLost(reason),
    })
    const onInitialized = (result: unknown): void => this.#profile.onInitialized(result, resumeSessionId)
    await openConnection(connection, { connector, limits, clientName, resumeSessionId, onInitialized, signal })
    return connection
  }

  #watch(connection: Connection): void {
    if (!this.#options.connector.canVanish) return
    connection.watch(() => {
      // Codex's server answers in order: while it works on a long call, silence does not mean that it is gone.
      if (this.extensions.size === 0 && this.#calls.isCalling(Method.ProcessRead, Method.HttpRequest))
        connection.alive()
      else connection.request(Method.EnvironmentStatus, null, { resolve: () => {}, reject: () => {}, lost: () => {} })
    })
  }

  // ---- transitions ----

  #onConnectionLost(reason: string): void {
    if (this.#state === 'closed') return
    const error = new DisconnectedError(reason)
    const { recovers } = this.#options.connector
    if (recovers) this.#state = 'recovering'
    this.#number++
    for (const handle of [...this.#onLost]) handle(error)
    this.#calls.failTied(error)
    if (recovers) void this.#recover(reason)
    else this.#end(error)
  }

  async #recover(reason: string): Promise<void> {
    const { connector, limits } = this.#options
    const attempt = async (signal: AbortSignal): Promise<void> => {
      const connection = await this.#connect(this.sessionId, signal)
      await this.#resume(connection, signal)
    }
    try {
      await retry(attempt, limits, this.#closing.signal)
    } catch (error) {
      const why = `the session on ${connector.name} could not be resumed: ${messageOf(error)}`
      this.#end(new DisconnectedError(`${reason}; ${why}`))
    }
  }

  async #resume(connection: Connection, signal: AbortSignal): Promise<void> {
    // #onConnectionLost only handles the connection in use: if this one is lost, these calls fail.
    const call = <T>(method: string, params: ParamsSource): Promise<T> =>
      callDirectly(connection, method, resolveParams(params, this.#profile.paths), signal) as Promise<T>
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
    this.#calls.resume(connection)
  }

  #end(error: Error | undefined): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#error = error ?? new Error('the client was closed')
    this.#calls.failAll(this.#error)
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
