/** The listeners of a session. */
import { Method } from '../../protocol/wire/methods.ts'
import type { NetAccepted, NetAddress, NetListenResult } from '../../protocol/schemas/net.ts'
import type { Abortable } from '../base/abortable.ts'
import { UnsupportedError } from '../base/errors.ts'
import type { ConnectTarget, RemoteConnection, RemoteListener } from '../base/net-types.ts'
import type { RpcClient } from '../session/rpc-client.ts'
import { targetParams } from './net-connections.ts'
import type { NetConnections } from './net-connections.ts'

/** The table of listeners. */
export class NetListeners {
  readonly #rpc: RpcClient
  readonly #connections: NetConnections
  readonly #listeners = new Map<string, Listener>()
  #count = 0

  constructor(rpc: RpcClient, connections: NetConnections) {
    this.#rpc = rpc
    this.#connections = connections
    rpc.onNotification(Method.NetAccepted, (params) => {
      const accepted = params as NetAccepted
      const { listenerId, connectionId } = accepted
      const listener = this.#listeners.get(listenerId)
      if (listener !== undefined) return listener.accepted(accepted)
      // It was closed while this was on its way.
      rpc.call(Method.NetClose, { connectionId }, { urgent: true, connection: rpc.connection }).catch(() => {})
    })
    rpc.onLost((error) => {
      for (const listener of [...this.#listeners.values()]) listener.lost(error)
      this.#listeners.clear()
    })
  }

  /**
   * Listens on the devbox. Port 0 is a free one.
   * @throws {UnsupportedError} If the server does not listen for clients.
   * @throws {RpcError} If it is not allowed, or cannot be done.
   */
  async listen(target: ConnectTarget, { signal }: Abortable = {}): Promise<RemoteListener> {
    const rpc = this.#rpc
    if (!rpc.extensions.has('netListen')) throw new UnsupportedError('this server accepts no network connections')
    const opened: { listener?: Listener } = {}
    try {
      const { local } = await rpc.call<NetListenResult>(
        Method.NetListen,
        () => {
          const listener = this.#open(`listener-${++this.#count}`)
          opened.listener = listener
          return { listenerId: listener.id, window: listener.window, ...targetParams(target) }
        },
        { signal },
      )
      const listener = opened.listener as Listener
      listener.local = local ?? undefined
      return listener
    } catch (error) {
      await opened.listener?.close()
      throw error
    }
  }

  #open(id: string): Listener {
    const { connection } = this.#rpc
    // Accepted connections are many, and each has this window.
    const window = Math.ceil(this.#connections.nextWindow() / 4)
    const listener = new Listener(id, window, this.#connections, async () => {
      if (!this.#listeners.delete(id)) return
      await this.#rpc.call(Method.NetUnlisten, { listenerId: id }, { urgent: true, connection }).catch(() => {})
    })
    this.#listeners.set(id, listener)
    return listener
  }
}

class Listener implements RemoteListener {
  readonly id: string
  /** Of each accepted connection. */
  readonly window: number
  local: NetAddress | undefined
  readonly #connections: NetConnections
  readonly #unlisten: () => Promise<void>
  /** Accepted, and not taken. The server bounds their number. */
  readonly #waiting: RemoteConnection[] = []
  #end: { error: Error | undefined } | undefined
  #wake: (() => void) | undefined

  constructor(id: string, window: number, connections: NetConnections, unlisten: () => Promise<void>) {
    this.id = id
    this.window = window
    this.#connections = connections
    this.#unlisten = unlisten
  }

  accepted(accepted: NetAccepted): void {
    this.#waiting.push(this.#connections.accepted(accepted, this.window))
    this.#wake?.()
  }

  lost(error: Error): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RemoteConnection, void> {
    for (;;) {
      const next = this.#waiting.shift()
      if (next !== undefined) yield next
      else if (this.#end === undefined) await new Promise<void>((resolve) => (this.#wake = resolve))
      else if (this.#end.error !== undefined) throw this.#end.error
      else return
    }
  }

  async close(): Promise<void> {
    this.#end ??= { error: undefined }
    const untaken = this.#waiting.splice(0)
    this.#wake?.()
    await Promise.all([this.#unlisten(), ...untaken.map((connection) => connection.close())])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
