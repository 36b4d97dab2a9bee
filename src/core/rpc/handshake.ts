/** The handshake of a connection: `initialize` opens its session, `initialized` admits what is asked of it. */
import { invalidRequest } from '../../protocol/wire/errors.ts'
import type { JsonValue } from '../../protocol/wire/json.ts'
import { decodeParams } from '../../protocol/schemas/schema-primitives.ts'
import { BEYOND_SANDBOX, EXTENSIONS, InitializeParams, PROTOCOL_VERSION } from '../../protocol/schemas/session.ts'
import type { EnvironmentInfo, Extension, InitializeResult } from '../../protocol/schemas/session.ts'
import type { PathMap } from '../../protocol/schemas/path-map.ts'
import type { Clock } from '../base/clock.ts'
import type { Host } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'
import { shortName } from '../base/observer.ts'
import type { Observer, Peer } from '../base/observer.ts'
import { FileOrder } from '../fs/file-order.ts'
import type { Listener } from '../process/process-events.ts'
import type { Drain } from '../session/drain.ts'
import type { Session, SessionRegistry } from '../session/session.ts'
import type { Admit, Services } from './method.ts'
import type { Ticket } from './ticket.ts'

/** Dependencies of a {@link Handshake}. */
export type HandshakeOptions = {
  clock: Clock
  host: Host
  limits: Limits
  sessions: SessionRegistry
  observer: Observer
  drain: Drain
  /** The client's paths, where they differ from those of this machine. */
  pathMap: PathMap | undefined
}

/** What a connection adds to the services of its session. */
export type ConnectionServices = Pick<Services, 'caller' | 'feed' | 'handles' | 'http' | 'net' | 'peer' | 'watch'> & {
  /** Gets the events of the session's processes. */
  listener: Listener
  /** Checks whether the peer is still there. */
  probe: () => void
}

/** The state of one connection's handshake. */
export class Handshake {
  readonly #options: HandshakeOptions
  readonly #own: ConnectionServices
  /** Set by `initialize`. */
  #services: Services | undefined
  #isComplete = false

  constructor(options: HandshakeOptions, own: ConnectionServices) {
    this.#options = options
    this.#own = own
  }

  /** The session, once `initialize` has succeeded. */
  get session(): Session | undefined {
    return this.#services?.session
  }

  /** Handles the notification `initialized`. Returns false if it came before `initialize`. */
  complete(): boolean {
    if (this.#services === undefined) return false
    this.#isComplete = true
    return true
  }

  readonly admit: Admit = (family, { method }) => {
    const services = this.#services
    if (services === undefined) throw invalidRequest(`client must call initialize before using ${family} methods`)
    if (!this.#isComplete) throw invalidRequest(`client must send initialized before using ${family} methods`)
    this.#options.drain.check(method)
    return services
  }

  /**
   * Handles `initialize`.
   * @throws -32602 for invalid params, -32600 the second time, and what the session throws
   */
  initialize(params: JsonValue, ticket: Ticket): InitializeResult {
    const { clientName, resumeSessionId } = decodeParams(InitializeParams, params)
    if (this.#services !== undefined) throw invalidRequest('initialize may only be sent once per connection')
    const { sessions, host, clock, limits, observer, drain, pathMap } = this.#options
    const { listener, probe, ...own } = this.#own
    const environmentInfo = host.environmentInfo()
    const isNew = resumeSessionId === null || resumeSessionId === undefined
    if (isNew) drain.checkNewSession()
    const session = isNew ? sessions.create() : sessions.resume(resumeSessionId)
    const { registry, detached } = sessions
    const files = new FileOrder()
    this.#services = { ...own, session, registry, detached, host, clock, limits, pathMap, files }
    session.probe = probe
    noteClient(own.peer, clientName, session)
    observer.session?.(isNew ? 'created' : 'resumed', session.id, own.peer)
    // Events start after the response.
    ticket.afterResponse(() => sessions.listen(session, listener))
    return initializeResult(session.id, environmentInfo, host)
  }
}

function noteClient(peer: Peer, clientName: string, { id }: Session): void {
  peer.client = shortName(clientName)
  peer.session = id
}

/** Puts the answer to initialize together. It lists the extensions that this server has in its configuration. */
export const initializeResult = (
  sessionId: string,
  environmentInfo: EnvironmentInfo,
  host: Host,
): InitializeResult => ({
  sessionId,
  environmentInfo,
  protocolVersion: PROTOCOL_VERSION,
  extensions: EXTENSIONS.filter((name) => isOffered(name, host)),
})

function isOffered(extension: Extension, { requiresSandbox, starts, net }: Host): boolean {
  if (extension === 'netConnect' || extension === 'netListen') return net.isOffered
  if (extension === 'prepared') return starts.prepared
  if (extension === 'copyAgent' && !starts.direct) return false
  if (extension === 'ports' && net.ports === undefined) return false
  return !BEYOND_SANDBOX.has(extension) || !requiresSandbox
}
