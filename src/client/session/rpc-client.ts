/**
 * What the method families need of a session: calls that wait while a lost connection is being recovered, notifications, and the
 * news that a connection has been lost. See session.ts.
 */
import type { EnvironmentInfo } from '../../protocol/schemas/session.ts'
import type { DisconnectedError } from '../base/errors.ts'

/** Spells paths as the server reads them. See dialect.ts. */
export type Paths = {
  /** An absolute path, or a file: URL, for the wire. Throws TypeError for anything else. */
  toWire(path: string | URL): string
}

export type CallOptions = {
  /** Abandons the call: it rejects with the signal's reason. The server may still carry it out. */
  signal?: AbortSignal | undefined
  /**
   * Whether a second time does no harm: such a call is sent again when the connection it went by was lost and recovered.
   * Others fail with a DisconnectedError then.
   */
  repeatable?: boolean
  /** Goes ahead of calls that wait for a place, as what ends work must not wait behind it. */
  urgent?: boolean
  /** Only by the connection of this number, see `Caller.connection`; lost meanwhile, the call fails with a DisconnectedError. */
  connection?: number
}

/** Params as JSON text that is made already: for those that carry bytes as base64. */
export class ParamsText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Params = object | ParamsText | null

export type Caller = {
  /**
   * Sends a request and settles with its result. `params` may be made when they are sent, for the spelling of their paths.
   * Throws RpcError for what the server refuses, DisconnectedError.
   */
  call<T>(method: string, params: Params | ((paths: Paths) => Params), options?: CallOptions): Promise<T>
  /** Calls `handle` with the params of every such notification, until the returned function is called. */
  onNotification(method: string, handle: (params: unknown) => void): () => void
  /** Calls whenever the connection is lost, be it recovered later or not; returns what ends that. */
  onLost(handle: (error: DisconnectedError) => void): () => void
  /**
   * Tells that a reader is behind, or no longer: the connection's input is held back for it, see input-hold.ts. For what the
   * server itself cannot be told to hold back.
   */
  holdInput(holder: object, isBehind: boolean): void
  /** The number of the connection: 1, and one more after each recovery. What a server keeps a connection is gone with it. */
  readonly connection: number
  /** What the server told of itself; servers up to 0.140 tell nothing. */
  readonly environmentInfo: EnvironmentInfo | undefined
  /** Features beyond Codex's protocol that this server has; see protocol/session.ts. */
  readonly extensions: ReadonlySet<string>
}
