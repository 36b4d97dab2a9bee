/**
 * Runs that belong to the server: they outlive their client, their session and, where a store keeps them, the server,
 * which then still has their output.
 */
import { invalidRequest } from '../../protocol/wire/errors.ts'
import type { ListedProcess } from '../../protocol/schemas/process.ts'
import type { SpawnSpec } from '../base/host.ts'
import type { LogPart, LogRange, RunStore, RunWriter } from '../base/run-store.ts'
import type { Snapshot } from '../base/snapshot.ts'
import { listed } from './process-registry.ts'
import type { Owner, ProcessRun } from './process-registry.ts'
import { ProcessTable } from './process-table.ts'
import type { StartOptions, TableOptions } from './table-options.ts'

/** The owner of all detached runs. */
const SERVER: Owner = { id: '', isAttached: () => true, isServer: true }

/** Starts, keeps and removes detached runs. */
export class DetachedRuns {
  readonly #options: Omit<TableOptions, 'owner'>
  readonly #table: ProcessTable
  readonly #store: RunStore | undefined
  readonly #writers = new Map<number, RunWriter>()
  readonly #stopFollowing: () => void

  constructor(options: Omit<TableOptions, 'owner'>, store: RunStore | undefined) {
    const { limits, runs } = options
    this.#options = options
    this.#store = store
    this.#table = new ProcessTable({
      ...options,
      owner: SERVER,
      limits: { ...limits, retainEndedMs: limits.endedRunMs, endedProcesses: limits.endedRuns },
    })
    this.#stopFollowing = runs.follow(({ kind, process }) => {
      if (!process.detached) return
      if (kind === 'removed' || kind === 'failed') this.#forget(process.run)
      else if (process.state === 'closed') this.#ended(process)
    })
    runs.addEarlier(store?.earlier ?? [])
    this.#removeOldEarlier()
  }

  /** Runs that have not closed. */
  get open(): number {
    return this.#table.open
  }

  /**
   * Starts a run. No events are announced to anybody: it is read, not listened to.
   * @throws as {@link ProcessTable.start}, and -32600 for a name in use.
   */
  async start(spec: () => SpawnSpec, options: StartOptions): Promise<ProcessRun> {
    const { host, runs } = this.#options
    if (options.name !== undefined) runs.checkName(options.name)
    const { announce, run } = await this.#table.start(`detached-${host.uuid()}`, spec, {
      ...options,
      onRun: (run) => this.#record(run),
    })
    announce()
    return run
  }

  #record(run: ProcessRun): void {
    if (this.#store === undefined) return
    const writer = this.#store.create(listed(run), () => run.process.events.balance())
    this.#writers.set(run.number, writer)
    run.process.retained.record(writer)
  }

  #ended(process: ListedProcess): void {
    this.#writers.get(process.run)?.end(process)
    this.#writers.delete(process.run)
    this.#removeOldEarlier()
  }

  #forget(run: number): void {
    this.#writers.delete(run)
    this.#store?.remove(run)
  }

  /** Applies the limits of count and age to the runs of earlier servers. */
  #removeOldEarlier(): void {
    const { runs, limits } = this.#options
    const earlier = runs.earlier()
    const excess = earlier.length + this.#table.closed - limits.endedRuns
    const oldest = Date.now() - limits.endedRunMs
    for (const [index, { run, startedAtMs, exitedAtMs }] of earlier.entries())
      if (index < excess || (exitedAtMs ?? startedAtMs) < oldest) runs.removeEarlier(run)
  }

  /**
   * Reads the output of a run: from the store, where it is whole, else from memory.
   * @throws -32600 for a run of an earlier server whose output cannot be read
   */
  async logs(run: ProcessRun | ListedProcess, range: LogRange): Promise<LogPart> {
    const number = 'process' in run ? run.number : run.run
    const stored = await this.#store?.read(number, range)
    if (stored !== undefined) return stored
    if ('process' in run) return run.process.retained.logs(range)
    throw invalidRequest(`the output of run ${number} is not kept any more`)
  }

  /**
   * Forgets an ended run, with its output.
   * @throws -32600 if it runs, or is no detached run.
   */
  remove(run: ProcessRun | ListedProcess): void {
    if (!('process' in run)) return void this.#options.runs.removeEarlier(run.run)
    if (run.owner !== SERVER) throw invalidRequest(`run ${run.number} belongs to a client`)
    if (!this.#table.remove(run.process)) throw invalidRequest(`run ${run.number} has not ended: kill it first`)
  }

  /** Adds the counts of all runs to a snapshot. */
  collect(snapshot: Snapshot): void {
    this.#table.collect(snapshot)
  }

  /** Kills all runs. What is known of them stays in the store. */
  dispose(): void {
    this.#stopFollowing()
    for (const [number, writer] of this.#writers) {
      const run = this.#options.runs.ofNumber(number)
      if (run !== undefined) writer.end({ ...listed(run), state: 'closed' })
    }
    this.#table.dispose()
  }
}
