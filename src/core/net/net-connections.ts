/** The network connections and listeners of one client. They end with its connection to this server. */
import { internalError, invalidParams, invalidRequest, overloaded } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { targetOf } from '../../protocol/schemas/net.ts'
import type {
  NetAccepted,
  NetConnectParams,
  NetConnectResult,
  NetListenParams,
  NetListenResult,
  WriteWindow,
} from '../../protocol/schemas/net.ts'
import { detached } from '../../protocol/wire/json.ts'
import { aborted } from '../base/aborted.ts'
import type { Clock } from '../base/clock.ts'
import { notice } from '../base/json-fragments.ts'
import type { Notice } from '../base/json-fragments.ts'
import type { Limits } from '../base/limits.ts'
import type { Observer } from '../base/observer.ts'
import type { EventSource } from '../base/outbound-scheduler.ts'
import type { NetBudget, NetShare } from './net-budget.ts'
import { NetConnection } from './net-connection.ts'
import type { NetHost, NetListener, NetSocket } from './net-host.ts'

/** Dependencies of {@link NetConnections}. */
export type NetConnectionsOptions = {
  host: { readonly net: NetHost }
  clock: Clock
  limits: Limits
  observer: Observer
  budget: NetBudget
  scheduler: { eventsReady(source: EventSource): void }
}

/** What a request needs of its connection. */
type Surroundings = {
  waits(): void
  onRelease(call: () => void): void
  afterResponse(call: () => void): void
}

/** A connection that is open, or being opened. */
type Entry = { readonly share: NetShare; connection: NetConnection | undefined; readonly abort: (error: Error) => void }

/** The connections by the client's ids, and its listeners. */
export class NetConnections {
  readonly #options: NetConnectionsOptions
  readonly #entries = new Map<string, Entry>()
  /** Undefined while it is being opened. */
  readonly #listeners = new Map<string, NetListener | undefined>()
  #accepted = 0
  #isGone = false

  constructor(options: NetConnectionsOptions) {
    this.#options = options
  }

  /** Connections that are open or being opened. */
  get size(): number {
    return this.#entries.size
  }

  /**
   * Runs net/connect. What arrives follows the response.
   * @throws -32602 for an id in use, -32001 beyond a limit, and what the host throws
   */
  async connect(params: NetConnectParams, surroundings: Surroundings): Promise<NetConnectResult> {
    const { clock, limits, host } = this.#options
    const { connectionId, window, timeoutMs } = params
    if (this.#entries.has(connectionId)) throw invalidParams(`connection \`${connectionId}\` already exists`)
    const share = this.#take()
    const controller = new AbortController()
    const id = detached(connectionId)
    const entry: Entry = { share, connection: undefined, abort: (error) => controller.abort(error) }
    this.#entries.set(id, entry)
    const ms = Math.min(timeoutMs ?? limits.netConnectMs, limits.netConnectMs)
    const cancelTimer = clock.after(ms, () => entry.abort(internalError(`no connection within ${ms} ms`)))
    try {
      surroundings.waits()
      surroundings.onRelease(() => entry.abort(internalError('the connection is closing')))
      const opening = host.net.connect(targetOf(params), controller.signal)
      // What opens too late belongs to no connection, which would close it.
      controller.signal.addEventListener(
        'abort',
        () =>
          void opening.then(
            (socket) => socket.close(),
            () => {},
          ),
      )
      const socket = await Promise.race([opening, aborted(controller.signal)])
      surroundings.afterResponse(() => this.#open(id, entry, socket, window))
      return { ...this.#writeWindow(share), remote: socket.remote ?? null }
    } catch (error) {
      this.#forget(id, entry)
      throw error
    } finally {
      cancelTimer()
    }
  }

  #take(): NetShare {
    const { limits, budget } = this.#options
    if (this.#isGone) throw internalError('the connection is gone')
    if (this.#entries.size >= limits.netConnections)
      throw overloaded(`at most ${limits.netConnections} network connections may be open per client`)
    const share = budget.take()
    if (share === undefined)
      throw overloaded(`at most ${limits.netTotal} network connections may be open on this server`)
    return share
  }

  #writeWindow({ window }: NetShare): WriteWindow {
    return { window, maxWrites: this.#options.limits.netUnacknowledged }
  }

  #open(id: string, entry: Entry, socket: NetSocket, window: number, announcement?: Notice): void {
    // The client has closed it, or is gone.
    if (this.#entries.get(id) !== entry) return socket.close()
    const { limits, observer, scheduler } = this.#options
    entry.connection = new NetConnection({
      id,
      socket,
      window,
      writeWindow: entry.share.window,
      limits,
      totals: observer.totals,
      scheduler,
      ...(announcement === undefined ? {} : { announcement }),
      onOver: () => this.#forget(id, entry),
    })
  }

  #forget(id: string, entry: Entry): void {
    if (this.#entries.get(id) === entry) this.#entries.delete(id)
    entry.share.release()
  }

  /** @throws -32600 if the client does not keep within its window */
  write(id: string, bytes: Uint8Array): void {
    this.#entries.get(id)?.connection?.write(bytes)
  }

  acknowledge(id: string, seq: number): void {
    this.#entries.get(id)?.connection?.acknowledge(seq)
  }

  end(id: string): void {
    this.#entries.get(id)?.connection?.end()
  }

  /** Closes a connection, or gives up opening it. The id is free again. */
  close(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    entry.share.release()
    entry.connection?.close()
    entry.abort(internalError('it was closed'))
  }

  /**
   * Runs net/listen. Connections are announced as net/accepted.
   * @throws -32602 for an id in use, -32001 beyond a limit, and what the host throws
   */
  async listen(params: NetListenParams): Promise<NetListenResult> {
    const { limits, host } = this.#options
    const { listenerId, window } = params
    if (this.#isGone) throw internalError('the connection is gone')
    if (this.#listeners.has(listenerId)) throw invalidParams(`listener \`${listenerId}\` already exists`)
    if (this.#listeners.size >= limits.netListeners)
      throw overloaded(`at most ${limits.netListeners} listeners may be open per client`)
    const id = detached(listenerId)
    this.#listeners.set(id, undefined)
    let listener: NetListener
    try {
      listener = await host.net.listen(targetOf(params), (socket) => this.#accept(id, socket, window))
    } catch (error) {
      this.#listeners.delete(id)
      throw error
    }
    if (!this.#listeners.has(id)) {
      listener.close()
      throw invalidRequest('the listener was closed before it was open')
    }
    this.#listeners.set(id, listener)
    return { local: listener.local ?? null }
  }

  #accept(listenerId: string, socket: NetSocket, window: number): void {
    let share: NetShare
    try {
      share = this.#take()
    } catch {
      // The peer sees the limit as a connection that is reset at once.
      return socket.close()
    }
    const id = this.#freeId()
    const entry: Entry = { share, connection: undefined, abort: () => {} }
    this.#entries.set(id, entry)
    const accepted: NetAccepted = {
      listenerId,
      connectionId: id,
      ...this.#writeWindow(share),
      remote: socket.remote ?? null,
    }
    this.#open(id, entry, socket, window, notice(Method.NetAccepted, accepted))
  }

  #freeId(): string {
    for (;;) {
      const id = `accepted-${++this.#accepted}`
      if (!this.#entries.has(id)) return id
    }
  }

  /** Accepts no more. What was accepted stays open. */
  unlisten(id: string): void {
    const listener = this.#listeners.get(id)
    this.#listeners.delete(id)
    listener?.close()
  }

  /** The client is gone: closes everything. */
  dispose(): void {
    this.#isGone = true
    for (const id of [...this.#listeners.keys()]) this.unlisten(id)
    for (const id of [...this.#entries.keys()]) this.close(id)
  }
}
