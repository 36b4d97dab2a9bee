/** Sessions: what outlives a connection. Each holds its own processes; a connection holds at most one. */
import { ErrorCode, invalidRequest, RpcError } from '../protocol/errors.ts'
import { ProcessTable } from './process-table.ts'
import type { TableOptions } from './process-table.ts'
import type { Listener } from './process.ts'
import type { Workspace } from './workspace.ts'

export type Session = {
  readonly id: string
  readonly processes: ProcessTable
  attached: boolean
  /** Where an old client's workspace is; see workspace.ts. */
  workspace: Workspace
  /** Set while detached: stops the end of the session from coming. */
  cancelExpiry: (() => void) | undefined
}

export class SessionRegistry {
  readonly #options: TableOptions
  readonly #sessions = new Map<string, Session>()

  constructor(options: TableOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#sessions.size
  }

  create(): Session {
    const id = this.#options.host.uuid()
    const session: Session = { id, processes: new ProcessTable(this.#options), workspace: {}, attached: true, cancelExpiry: undefined }
    this.#sessions.set(id, session)
    return session
  }

  /** A session is never taken from a connection that lives: the other must wait until that one is gone. */
  resume(id: string): Session {
    const session = this.#sessions.get(id)
    if (session === undefined) throw invalidRequest(`unknown session id ${id.slice(0, 100)}`)
    if (session.attached) throw new RpcError(ErrorCode.SessionAttached, `session ${id} is already attached to another connection`)
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
    session.processes.detach()
    session.cancelExpiry = clock.after(limits.sessionTtlMs, () => this.#end(session))
  }

  #end(session: Session): void {
    this.#sessions.delete(session.id)
    session.cancelExpiry?.()
    session.processes.dispose()
  }

  /** Ends every session at once. */
  dispose(): void {
    for (const session of this.#sessions.values()) this.#end(session)
  }
}
