/** The processes of one session, by the id that the client gave them. */
import { invalidRequest } from '../protocol/errors.ts'
import { detached } from '../protocol/json.ts'
import type { Clock } from './clock.ts'
import type { Host, SpawnSpec } from './host.ts'
import type { Limits } from './limits.ts'
import { Process } from './process.ts'
import type { Listener } from './process.ts'
import type { RetainedBudget } from './retained-budget.ts'

export type TableOptions = { clock: Clock; host: Host; limits: Limits; budget: RetainedBudget }

type Entry = {
  process: Process
  /** Settles when the child runs or could not be started; absent from then on. Never rejects. */
  starting?: Promise<void>
  cancelled: boolean
}

export class ProcessTable {
  readonly #options: TableOptions
  readonly #entries = new Map<string, Entry>()
  #listener: Listener | undefined
  #disposed = false

  constructor(options: TableOptions) {
    this.#options = options
  }

  /**
   * Takes the id at once and starts the process once `ready` has settled. The id is free again if that fails.
   * Events go out only after `announce` has been called, so that the answer to process/start comes first.
   */
  async start(
    processId: string,
    spec: () => SpawnSpec,
    { isConfined, ready }: { isConfined: boolean; ready: Promise<void> | undefined },
  ): Promise<{ announce: () => void }> {
    if (this.#entries.has(processId)) throw invalidRequest(`process ${processId.slice(0, 100)} already exists`)
    const id = detached(processId)
    const { clock, host, limits, budget } = this.#options
    const process = new Process(id, { clock, limits, budget, isConfined, onClosed: () => this.#retireLater(id, entry) })
    const entry: Entry = { process, cancelled: false }
    this.#entries.set(id, entry)
    const { promise, resolve } = Promise.withResolvers<void>()
    entry.starting = promise
    try {
      if (ready !== undefined) await ready
      if (entry.cancelled) throw invalidRequest(`process ${id.slice(0, 100)} was terminated before it started`)
      process.started(await host.spawn(spec(), process))
      if (this.#disposed) process.dispose()
      else if (entry.cancelled) process.terminate()
    } catch (error) {
      this.#entries.delete(id)
      process.dispose()
      throw error
    } finally {
      delete entry.starting
      resolve()
    }
    return { announce: () => process.announce(this.#listener) }
  }

  /** The process, once it has started. */
  async find(processId: string): Promise<Process | undefined> {
    const entry = this.#entries.get(processId)
    if (entry?.starting === undefined) return entry?.process
    await entry.starting
    return this.#entries.get(processId) === entry ? entry.process : undefined
  }

  /** The process, if it has started: for those that must not wait a turn. */
  findStarted(processId: string): Process | undefined {
    const entry = this.#entries.get(processId)
    return entry?.starting === undefined ? entry?.process : undefined
  }

  isStarting(processId: string): boolean {
    return this.#entries.get(processId)?.starting !== undefined
  }

  /** Ends a process, one that is about to start included. Returns whether it was running. */
  terminate(processId: string): boolean {
    const entry = this.#entries.get(processId)
    if (entry === undefined) return false
    if (entry.starting === undefined) return entry.process.terminate()
    entry.cancelled = true
    return true
  }

  #retireLater(id: string, entry: Entry): void {
    const { clock, limits } = this.#options
    clock.after(limits.retainEndedMs, () => {
      if (this.#entries.get(id) === entry) this.#entries.delete(id)
      entry.process.dispose()
    })
  }

  attach(listener: Listener): void {
    this.#listener = listener
    for (const { process, starting } of this.#entries.values()) if (starting === undefined) process.attach(listener)
  }

  detach(): void {
    this.#listener = undefined
    for (const { process } of this.#entries.values()) process.detach()
  }

  /** Kills every process and forgets it. */
  dispose(): void {
    this.#disposed = true
    this.#listener = undefined
    for (const entry of this.#entries.values()) {
      entry.cancelled = true
      // One that is starting has no child to kill yet; its start sees to that.
      if (entry.starting === undefined) entry.process.dispose()
    }
    this.#entries.clear()
  }
}
