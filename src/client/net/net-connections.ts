/** The network connections of a session. They end with the connection to the server: its state of them does, too. */
import { Method } from '../../protocol/wire/methods.ts'
import type { NetAccepted, NetClosed, NetConnectResult, NetWritten } from '../../protocol/schemas/net.ts'
import { RpcError } from '../../protocol/wire/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { ConnectOptions, ConnectTarget, RemoteConnection } from '../base/net-types.ts'
import { UnsupportedError } from '../base/errors.ts'
import type { RpcClient } from '../session/rpc-client.ts'
import { receivedStreams } from '../streams/received-streams.ts'
import type { ReceivedStreams, StreamKind } from '../streams/received-streams.ts'
import { NetConnection } from './net-connection.ts'
import { Turns } from './turns.ts'

const RECEIVED: StreamKind = {
  what: 'connection',
  notification: Method.NetData,
  idName: 'connectionId',
  acknowledge: Method.NetAcknowledge,
  windowExtension: 'netConnect',
  cancel: Method.NetClose,
  cancelExtension: 'netConnect',
  failure: (text) => new Error(text),
}

/** The params of a target. */
export const targetParams = (target: ConnectTarget): { host?: string; port: number } | { path: string } =>
  typeof target === 'number' ? { port: target } : target

/** The table of connections. */
export class NetConnections {
  readonly #rpc: RpcClient
  readonly #limits: ClientLimits
  readonly #received: ReceivedStreams
  readonly #connections = new Map<string, NetConnection>()
  readonly #connecting: Turns
  #count = 0

  constructor(rpc: RpcClient, limits: ClientLimits) {
    this.#rpc = rpc
    this.#limits = limits
    this.#connecting = new Turns(limits.netConnecting)
    this.#received = receivedStreams(rpc, limits, RECEIVED)
    rpc.onNotification(Method.NetWritten, (params) => {
      const { connectionId, seq } = params as NetWritten
      this.#connections.get(connectionId)?.written(seq)
    })
    rpc.onNotification(Method.NetClosed, (params) => {
      const { connectionId, error } = params as NetClosed
      this.#connections.get(connectionId)?.over(error === null ? undefined : new Error(error))
    })
    rpc.onLost((error) => {
      for (const connection of [...this.#connections.values()]) connection.over(error)
    })
  }

  /** The window of one more connection. */
  nextWindow(): number {
    return this.#received.nextWindow()
  }

  /**
   * Opens a connection.
   * @throws {UnsupportedError} If the server makes none.
   * @throws {RpcError} If it is not allowed, or cannot be made.
   */
  async connect(target: ConnectTarget, { signal, timeoutMs }: ConnectOptions = {}): Promise<RemoteConnection> {
    const rpc = this.#rpc
    if (!rpc.extensions.has('netConnect')) throw new UnsupportedError('this server makes no network connections')
    const given = { ...targetParams(target), ...(timeoutMs === undefined ? {} : { timeoutMs }) }
    return this.#connecting.run(signal, async () => {
      const opening: { connection?: NetConnection } = {}
      try {
        const result = await rpc.call<NetConnectResult>(
          Method.NetConnect,
          // Opened when the request is sent: it is tied to the connection to the server.
          () => {
            const connection = this.#open(`net-${++this.#count}`)
            opening.connection = connection
            return { connectionId: connection.id, window: connection.receiveWindow, ...given }
          },
          { signal },
        )
        const connection = opening.connection as NetConnection
        connection.opened(result)
        return connection
      } catch (error) {
        // The server has nothing to close where it has refused.
        if (error instanceof RpcError) opening.connection?.over(error)
        else await opening.connection?.close()
        throw error
      }
    })
  }

  /** Adds a connection that the server has accepted. */
  accepted({ connectionId, ...given }: NetAccepted, window: number): NetConnection {
    const connection = this.#open(connectionId, window)
    connection.opened(given)
    return connection
  }

  #open(id: string, window?: number): NetConnection {
    const connection = new NetConnection({
      id,
      rpc: this.#rpc,
      limits: this.#limits,
      received: this.#received.open(id, window),
      onOver: () => this.#connections.delete(id),
    })
    this.#connections.set(id, connection)
    return connection
  }
}
