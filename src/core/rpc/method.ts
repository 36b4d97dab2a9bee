/** How a method is declared, and what its handler receives. */
import type { GenericSchema, InferOutput } from 'valibot'
import type { JsonValue } from '../../protocol/wire/json.ts'
import { decodeParams } from '../../protocol/schemas/schema-primitives.ts'
import type { PathMap } from '../../protocol/schemas/path-map.ts'
import type { Caller } from '../base/fair-slots.ts'
import type { FileHandles } from '../fs/file-handles.ts'
import type { FileOrder } from '../fs/file-order.ts'
import type { Result } from '../base/json-fragments.ts'
import type { Host } from '../base/host.ts'
import type { HttpCalls } from '../http/http-calls.ts'
import type { Limits } from '../base/limits.ts'
import type { Clock } from '../base/clock.ts'
import type { NetConnections } from '../net/net-connections.ts'
import type { MissingWatch } from '../fs/missing-watch.ts'
import type { Peer } from '../base/observer.ts'
import type { DetachedRuns } from '../process/detached-runs.ts'
import type { ProcessRegistry } from '../process/process-registry.ts'
import type { RunFeed } from '../process/run-feed.ts'
import type { Session } from '../session/session.ts'
import type { Ticket } from './ticket.ts'

/** What the handlers of a connection share, from `initialize` on: the session, the host and the connection's state. */
export type Services = {
  readonly session: Session
  /** The processes of all sessions. */
  readonly registry: ProcessRegistry
  /** The runs that belong to the server. */
  readonly detached: DetachedRuns
  /** This connection's subscription to the runs of the server. */
  readonly feed: RunFeed
  /** The requesting client. */
  readonly peer: Peer
  readonly host: Host
  readonly clock: Clock
  readonly limits: Limits
  /** The client's paths, where they differ from those of this machine. */
  readonly pathMap: PathMap | undefined
  /** The connection, as the owner of calls to the host. */
  readonly caller: Caller
  readonly files: FileOrder
  /** Open file handles of this connection. */
  readonly handles: FileHandles
  /** HTTP requests of this connection. */
  readonly http: HttpCalls
  /** Network connections of this connection. */
  readonly net: NetConnections
  /** The fs/watchMissing watch of this connection. */
  readonly watch: MissingWatch
}

/**
 * Returns the services for a request of a method of `family`.
 * @throws -32600 before the handshake is complete, -32001 for new work while the server drains
 */
export type Admit = (family: string, ticket: Ticket) => Services

/** An entry of the method table. */
export type MethodDefinition = {
  /** Name used in error messages before the handshake is complete. */
  readonly family: string
  /**
   * Decodes the params, then asks for admission, then runs. With a map, paths in the params are the client's; those in
   * the result are this machine's.
   * @throws -32602 for invalid params, and what `admit` throws
   */
  call(params: JsonValue, admit: Admit, ticket: Ticket, pathMap?: PathMap): Result | Promise<Result>
}

/**
 * Declares a method: decodes its params by `schema`, then calls `run`. One that needs bytes of its params after it has
 * returned must return a promise: else the memory of the message is used for the next one.
 */
export function method<S extends GenericSchema>(
  family: string,
  schema: S,
  run: (params: InferOutput<S>, services: Services, ticket: Ticket) => Result | Promise<Result>,
): MethodDefinition {
  return {
    family,
    call: (params, admit, ticket, pathMap) => {
      const decoded = decodeParams(schema, params, pathMap)
      return run(decoded, admit(family, ticket), ticket)
    },
  }
}
