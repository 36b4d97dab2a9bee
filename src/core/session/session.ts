/** Sessions, which outlive their connection. Each owns its processes; a connection has at most one. */
import { ErrorCode, invalidRequest, overloaded, RpcError } from '../../protocol/wire/errors.ts'
import type { SessionEvent } from '../base/observer.ts'
import type { RunStore } from '../base/run-store.ts'
import { DetachedRuns } from '../process/detached-runs.ts'
import { ProcessTable } from '../process/process-table.ts'
import type { TableOptions } from '../process/table-options.ts'
import type { Listener } from '../process/process-events.ts'
import { ProcessRegistry } from '../process/process-registry.ts'
import type { Snapshot } from '../base/snapshot.ts'
import { ShellSnapshots } from '../shell-snapshot/shell-snapshots.ts'
import type { SnapshotBudget } from '../shell-snapshot/shell-snapshots.ts'
import type { Workspace } from './legacy-workspace.ts'

/** A session, attached to a connection or waiting for its client to resume it. */
export type Session = {
  readonly id: string
  readonly processes: ProcessTable
  /** Its snapshots of login shells. */
  readonly shells: ShellSnapshots
  attached: boolean
  /** While attached: probes whether the connection is still alive. */
  probe: (() => void) | undefined
  /** Workspace of an old client; see legacy-workspace.ts. */
  workspace: Workspace
  /** Set while detached: cancels the session's expiry. */
  cancelExpiry: (() => void) | undefined
}

/** Dependencies of the {@link SessionRegistry}. */
export type RegistryOptions = Omit<TableOptions, 'runs' | 'owner'>
/** What else it needs: where detached runs are kept. */
type StoreOption = { store?: RunStore | undefined }

/** Creates, resumes, detaches and expires sessions. */
export class SessionRegistry {
  readonly #options: RegistryOptions
  readonly #sessions = new Map<string, Session>()
  readonly #snapshotBudget: SnapshotBudget = { bytes: 0 }
  /** The processes of all sessions. */
  readonly registry: ProcessRegistry
  /** The runs that belong to no session. */
  readonly detached: DetachedRuns

  constructor({ store, ...options }: RegistryOptions & StoreOption) {
    this.#options = { screens: { open: 0 }, ...options }
    this.registry = new ProcessRegistry(options.limits.listedProcesses)
    this.detached = new DetachedRuns({ ...this.#options, runs: this.registry }, store)
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Number of processes that have not closed, of all sessions and of none. */
  get openProcesses(): number {
    let { open } = this.detached
    for (const { processes } of this.#sessions.values()) open += processes.open
    return open
  }

  /**
   * Creates an attached session.
   * @throws -32001 beyond `limits.sessions`
   */
  create(): Session {
    const { limits } = this.#options
    if (this.#sessions.size >= limits.sessions) {
      throw overloaded(
        `too many sessions: ${limits.sessions}; one that has lost its connection ends after ${limits.sessionTtlMs / 1000} s`,
      )
    }
    const id = this.#options.host.uuid()
    const owner = { id, isAttached: () => session.attached }
    const processes = new ProcessTable({ ...this.#options, runs: this.registry, owner })
    const shells = new ShellSnapshots({ ...this.#options, budget: this.#snapshotBudget })
    const session: Session = {
      id,
      processes,
      shells,
      workspace: {},
      attached: true,
      probe: undefined,
      cancelExpiry: undefined,
    }
    this.#sessions.set(id, session)
    return session
  }

  /**
   * Attaches a detached session. A live connection never loses its session: the caller must retry until that connection
   * is gone, which this probes.
   * @throws -32600 for an unknown id, -32010 for an attached session
   */
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

  /** Sends later events to `listener`; earlier ones are available through process/read. */
  listen(session: Session, listener: Listener): void {
    if (session.attached) session.processes.attach(listener)
  }

  /** Detaches a session whose connection is gone. Its processes go on; it expires after `sessionTtlMs`. */
  detach(session: Session): void {
    const { clock, limits } = this.#options
    session.attached = false
    session.probe = undefined
    session.processes.detach()
    // On shutdown, sessions end before their connections.
    if (this.#sessions.has(session.id)) this.#options.observer.session?.('detached', session.id)
    session.cancelExpiry = clock.after(limits.sessionTtlMs, () => this.#end(session, 'expired'))
  }

  #end(session: Session, event: SessionEvent): void {
    this.#sessions.delete(session.id)
    session.cancelExpiry?.()
    session.shells.dispose()
    session.processes.dispose()
    this.#options.observer.session?.(event, session.id)
  }

  /** Adds the counts of all sessions to a snapshot. */
  collect(snapshot: Snapshot): void {
    for (const { attached, processes } of this.#sessions.values()) {
      if (attached) snapshot.attachedSessions++
      else snapshot.detachedSessions++
      processes.collect(snapshot)
    }
    this.detached.collect(snapshot)
  }

  /** Ends every session immediately and kills its processes, and the detached runs. */
  dispose(): void {
    this.detached.dispose()
    for (const session of this.#sessions.values()) this.#end(session, 'ended')
  }
}
