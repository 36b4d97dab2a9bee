/**
 * What the method families (process, fs, http) need of a session: calls that queue during a recovery, notifications,
 * and notice of lost connections. Implemented in session.ts.
 */
import type { EnvironmentInfo } from '../../protocol/schemas/session.ts'
import type { DisconnectedError } from '../base/errors.ts'
import type { ParamsWithBytes } from '../transports/client-message.ts'

/** Encodes paths for one server. See path-codec.ts. */
export type PathEncoder = {
  /**
   * Encodes an absolute path or file: URL.
   * @throws {TypeError} For anything else.
   */
  encode(path: string | URL): string
}

/** Options of {@link RpcClient.call}. */
export type CallOptions = {
  /** Cancels the call: it rejects with the signal's reason. The server may still carry it out. */
  signal?: AbortSignal | undefined
  /**
   * Whether the call is idempotent: it is sent again if its connection is lost and recovered. Other calls then fail
   * with a DisconnectedError.
   */
  repeatable?: boolean
  /** Goes ahead of queued calls: what frees resources must not wait behind other work. */
  urgent?: boolean
  /**
   * Send only on the connection with this number (`RpcClient.connection`). If it is lost, the call fails with a
   * DisconnectedError.
   */
  connection?: number
}

/** The params of a call; see client-message.ts. */
export type Params = object | ParamsWithBytes | null

/** Params, or a function that builds them with the server's path encoding when the call is sent. */
export type ParamsSource = Params | ((paths: PathEncoder) => Params)

/** The params to be sent. */
export const resolveParams = (source: ParamsSource, paths: PathEncoder): Params =>
  typeof source === 'function' ? source(paths) : source

/** What a session offers to the method families. */
export type RpcClient = {
  /**
   * Sends a request and resolves with its result.
   * @throws {RpcError} If the server refuses the call.
   * @throws {DisconnectedError} If the connection is lost.
   */
  call<T>(method: string, params: ParamsSource, options?: CallOptions): Promise<T>
  /** Calls `handle` with the params of each notification of `method`. Returns a function that unregisters it. */
  onNotification(method: string, handle: (params: unknown) => void): () => void
  /** Calls `handle` whenever the connection is lost, recovered or not. Returns a function that unregisters it. */
  onLost(handle: (error: DisconnectedError) => void): () => void
  /**
   * Reports whether a reader is behind; if so, reading from the connection is paused. Only for streams that the server
   * cannot throttle itself. See read-throttle.ts.
   */
  throttleReads(reader: object, isBehind: boolean): void
  /** Number of the connection: 1, plus one per recovery. The server's per-connection state is lost with it. */
  readonly connection: number
  /** The server's description of its environment; undefined from servers up to 0.140. */
  readonly environmentInfo: EnvironmentInfo | undefined
  /** The server's features beyond Codex's protocol; see protocol/schemas/session.ts. */
  readonly extensions: ReadonlySet<string>
}
