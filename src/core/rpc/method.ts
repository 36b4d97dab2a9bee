/** How a method is declared, and what its handler receives. */
import type { GenericSchema, InferOutput } from 'valibot'
import type { JsonValue } from '../../protocol/wire/json.ts'
import { decodeParams } from '../../protocol/schemas/schema-primitives.ts'
import type { FileHandles } from '../fs/file-handles.ts'
import type { FileOrder } from '../fs/file-order.ts'
import type { Result } from '../base/json-fragments.ts'
import type { Host } from '../base/host.ts'
import type { HttpCalls } from '../http/http-calls.ts'
import type { Limits } from '../base/limits.ts'
import type { Clock } from '../base/clock.ts'
import type { MissingWatch } from '../fs/missing-watch.ts'
import type { Peer } from '../base/observer.ts'
import type { ProcessRegistry } from '../process/process-registry.ts'
import type { Session } from '../session/session.ts'

/** What a handler can use: the session, the host and the state of its connection. */
export type Context = {
  session: Session
  /** The processes of all sessions. */
  runs: ProcessRegistry
  /** The requesting client. */
  peer: Peer
  host: Host
  clock: Clock
  limits: Limits
  files: FileOrder
  /** Open file handles of this connection. */
  handles: FileHandles
  /** HTTP requests of this connection. */
  http: HttpCalls
  /** The fs/watchMissing watch of this connection. */
  watch: MissingWatch
  /**
   * Calls `call` once when the connection closes or is about to: a waiting request must then respond. Returns a
   * function that unsubscribes.
   */
  onRelease(call: () => void): () => void
  /**
   * This request may wait indefinitely from now on.
   * @throws -32001 if too many of this connection do.
   */
  waits(): void
  /** Stops counting this request as running, because another limit applies to it. */
  excludeFromLimit(): void
  /** Calls `call` once the response of this request has been queued. */
  afterAnswer(call: () => void): void
  /**
   * Reserves memory for a response of about `bytes` bytes, once per request; released when the response has been
   * queued. Undefined: available at once.
   */
  reserve(bytes: number): Promise<void> | undefined
}

/** A request with decoded params, ready to run. */
export type Call = (context: Context) => Result | Promise<Result>

/** An entry of the method table. */
export type MethodDefinition = {
  /** Name used in error messages before the handshake is complete. */
  family: string
  /**
   * Decodes the params.
   * @throws -32602
   */
  prepare(params: JsonValue): Call
}

/** Declares a method: decodes its params by `schema`, then calls `run`. */
export function method<S extends GenericSchema>(
  family: string,
  schema: S,
  run: (params: InferOutput<S>, context: Context) => Result | Promise<Result>,
): MethodDefinition {
  return {
    family,
    prepare: (params) => {
      const decoded = decodeParams(schema, params)
      return (context) => run(decoded, context)
    },
  }
}
