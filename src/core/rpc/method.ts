/** How a method is declared, and what its handler is given. */
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

export type Context = {
  session: Session
  /** The processes of all sessions. */
  runs: ProcessRegistry
  /** Who asks. */
  peer: Peer
  host: Host
  clock: Clock
  limits: Limits
  files: FileOrder
  /** The files that this connection holds open. */
  handles: FileHandles
  /** The HTTP requests that it has under way. */
  http: HttpCalls
  /** What it waits to see appear. */
  watch: MissingWatch
  /** Calls once when the connection ends or is about to: whoever waits must answer now. Returns what cancels it. */
  onRelease(call: () => void): () => void
  /** From here on this request may wait without end. Throws if too many of this connection do. */
  waits(): void
  /** The same where something else bounds those that wait. */
  excludeFromLimit(): void
  /** Calls once the answer of this request has been queued. */
  afterAnswer(call: () => void): void
  /**
   * Makes room for an answer of about so many bytes, once a request; given back when the answer has been queued.
   * Undefined means that there is room now.
   */
  reserve(bytes: number): Promise<void> | undefined
}

/** A request with its params read, ready to run. */
export type Call = (context: Context) => Result | Promise<Result>

export type MethodDefinition = {
  /** What the method is called in the refusals before the handshake is complete. */
  family: string
  /** Reads the params; throws -32602. */
  prepare(params: JsonValue): Call
}

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
