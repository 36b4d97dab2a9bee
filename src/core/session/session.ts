/** Sessions: what outlives a connection. Each holds its own processes; a connection holds at most one. */
import { ErrorCode, invalidRequest, overloaded, RpcError } from '../../protocol/wire/errors.ts'
import type { SessionEvent } from '../base/observer.ts'
import { ProcessTable } from '../process/process-table.ts'
import type { TableOptions } from '../process/process-table.ts'
import type { Listener } from '../process/process.ts'
import { ProcessRegistry } from '../process/process-registry.ts'
import type { Snapshot } from '../base/snapshot.ts'
import type { Workspace } from './legacy-workspace.ts'

export type Session = {
  readonly id: string
  readonly processes: ProcessTable
  attached: boolean
  /** While attached: finds out whether the connection that holds it still is one. */
  probe: (() => void) | undefined
  /** Where an old client's workspace is; see workspace.ts. */
  workspace: Workspace
  /** Set while detached: stops the end of the session from coming. */
  cancelExpiry: (() => void) | undefined
}

export type RegistryOptions = Omit<TableOptions, 'runs' | 'owner'>

export class SessionRegistry {
  readonly #options: RegistryOptions
  readonly #sessions = new Map<string, Session>()
  /** The processes of all sessions. */
  readonly runs: ProcessRegistry

  constructor(options: RegistryOptions) {
    this.#options = options
    this.runs = new ProcessRegistry(options.limits.listedProcesses)
  }

  get size(): number {
    return this.#sessions.size
  }

  /** How many of their processes are not closed. */
  get openProcesses(): number {
    let open = 0
    for (const { processes } of this.#sessions.values()) open += processes.open
    return open
  }

  create(): Session {
    const { limits } = this.#options
    if (this.#sessions.size >= limits.sessions) {
      throw overloaded(
        `too many sessions: ${limits.sessions}; one that has lost its connection ends after ${limits.sessionTtlMs / 1000} s`,
      )
    }
    const id = this.#options.host.uuid()
    const owner = { id, isAttached: () => session.attached }
    const processes = new ProcessTable({ ...this.#options, runs: this.runs, owner })
    const session: Session = { id, processes, workspace: {}, attached: true, probe: undefined, cancelExpiry: undefined }
    this.#sessions.set(id, session)
    return session
  }

  /** A session is never taken from a connection that lives: the other must wait until that one is gone, or found to be. */
  resume(id: string): Session {
    const session = this.#sessions.get(id)
    if (session === undefined) throw invalidRequest(`unknown session id ${id.slice(0, 100)}`)
    if (session.attached) {
      session.probe?.()
      throw new RpcError(ErrorCode.SessionAttached, `session ${id} is already attached to another connection`)
    }
    session.cancelExpiry?.()
    session.cancelExpiry = undefined
    session.attached = true
    return session
  }

  /** Events go to `listener` from now on; those before are for process/read. */
  listen(session: Session, listener: Listener): void {
    if (session.attached) session.processes.attach(listener)
  }

  /** The connection is gone. Processes go on, and the session waits for its client until the time is up. */
  detach(session: Session): void {
    const { clock, limits } = this.#options
    session.attached = false
    session.probe = undefined
    session.processes.detach()
    // At the end of the server sessions end before their connections.
    if (this.#sessions.has(session.id)) this.#options.observer.session?.('detached', session.id)
    session.cancelExpiry = clock.after(limits.sessionTtlMs, () => this.#end(session, 'expired'))
  }

  #end(session: Session, event: SessionEvent): void {
    this.#sessions.delete(session.id)
    session.cancelExpiry?.()
    session.processes.dispose()
    this.#options.observer.session?.(event, session.id)
  }

  /** Adds what there is to a snapshot. */
  tally(snapshot: Snapshot): void {
    for (const { attached, processes } of this.#sessions.values()) {
      if (attached) snapshot.attachedSessions++
      else snapshot.detachedSessions++
      processes.tally(snapshot)
    }
  }

  /** Ends every session at once. */
  dispose(): void {
    for (const session of this.#sessions.values()) this.#end(session, 'ended')
  }
}
