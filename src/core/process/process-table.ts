/** The processes of one session, keyed by the client's process ids. */
import { invalidRequest, overloaded } from '../../protocol/wire/errors.ts'
import { detached } from '../../protocol/wire/json.ts'
import type { SpawnSpec } from '../base/host.ts'
import type { Origin, ProcessObserver } from '../base/observer.ts'
import type { TerminalSize } from '../../protocol/schemas/process.ts'
import type { Screen } from '../base/screen.ts'
import { Process } from './process.ts'
import type { Listener } from './process-events.ts'
import type { ProcessRun } from './process-registry.ts'
import type { Snapshot } from '../base/snapshot.ts'
import { StdinBudget } from './stdin-budget.ts'
import type { StartOptions, TableOptions } from './table-options.ts'
import type { ScreenCount } from '../output/terminal-screen.ts'

type Entry = {
  readonly process: Process
  /** Entry in the registry of all sessions; set right before the spawn. */
  run?: ProcessRun
  /** Whether it counts as open in that registry. */
  isOpen: boolean
}

/** Starts, finds and terminates a session's processes, and retires them some time after they have closed. */
export class ProcessTable {
  readonly #options: TableOptions
  readonly #stdin: StdinBudget
  readonly #screens: ScreenCount = { open: 0 }
  readonly #entries = new Map<string, Entry>()
  /** Closed entries, oldest first, each with a function that cancels its retirement. */
  readonly #closed = new Map<Entry, () => void>()
  /** Processes of any session that this one has attached to, by this session's ids for them. */
  readonly #attached = new Map<string, ProcessRun>()
  #listener: Listener | undefined
  #disposed = false

  constructor(options: TableOptions) {
    this.#options = options
    this.#stdin = new StdinBudget(options.limits.stdinTotal)
  }

  /** Processes that have not closed, including those still starting. */
  get open(): number {
    return this.#entries.size - this.#closed.size
  }

  /**
   * Reserves the id at once and starts the process once `ready` has settled. If that fails, the id is free again. No
   * events are sent before `announce` is called, so that the response to process/start comes first.
   * @throws -32600 for an id in use, -32001 beyond a limit, and what the host's spawn throws.
   */
  async start(
    processId: string,
    spec: () => SpawnSpec,
    { peer, isSandboxed, ready, prepare, outputWindow, name, onRun }: StartOptions,
  ): Promise<{ announce: () => void; run: ProcessRun }> {
    this.checkFree(processId)
    this.#checkRoom()
    const id = detached(processId)
    const { clock, host, limits, budget, observer, runs, owner, screens = this.#screens } = this.#options
    const onExited = (): void => runs.changed(entry.run)
    const onClosed = (): void => {
      this.#retireLater(entry)
      runs.changed(entry.run)
    }
    const { totals } = observer
    const open = (size: TerminalSize): Promise<Screen> => host.openScreen(size)
    const process = new Process(id, {
      clock,
      limits,
      budget,
      stdin: this.#stdin,
      isSandboxed,
      outputWindow,
      totals,
      screens: { open, count: screens, report: (fault) => host.report(fault) },
      onExited,
      onClosed,
    })
    const entry: Entry = { process, isOpen: true }
    runs.open++
    this.#entries.set(id, entry)
    let processObserver: ProcessObserver | undefined
    try {
      if (ready !== undefined) await ready
      if (process.cancelled) throw invalidRequest(`process ${id.slice(0, 100)} was terminated before it started`)
      const command = spec()
      const run = runs.add(process, command, owner, peer, name)
      entry.run = run
      onRun?.(run)
      const sandboxType = isSandboxed ? host.sandboxType : 'none'
      processObserver = observer.starting?.({ run: run.number, peer, processId: id, spec: command, sandboxType })
      const child = await host.spawn(prepare === undefined ? command : await prepare(command), process)
      process.started(child, processObserver, command.terminalSize)
      observer.totals.starts++
      processObserver?.started(child.pid)
      if (this.#disposed) this.#dispose(entry)
      else if (process.cancelled) process.terminate()
      runs.started(run)
      return { announce: () => process.events.announce(this.#listener), run }
    } catch (error) {
      this.#entries.delete(id)
      if (entry.run !== undefined) runs.failed(entry.run, error)
      this.#dispose(entry)
      processObserver?.failed(error)
      throw error
    }
  }

  /** @throws -32600 for an id in use */
  checkFree(processId: string): void {
    if (this.#entries.has(processId) || this.#attachedRun(processId) !== undefined) {
      throw invalidRequest(`process ${processId.slice(0, 100)} already exists`)
    }
  }

  #checkRoom(): void {
    const { limits, runs } = this.#options
    const { processes, totalProcesses, endedProcesses } = limits
    if (this.open >= processes) throw overloaded(`too many processes in this session: ${processes} have not closed`)
    if (runs.open >= totalProcesses)
      throw overloaded(`too many processes: ${totalProcesses} of all sessions have not closed (--max-total-processes)`)
    this.#retireOldest()
    if (this.#closed.size <= endedProcesses) return
    throw overloaded(`too many ended processes in this session: the events of ${endedProcesses} have not been read`)
  }

  /** Closed processes that are retained. */
  get closed(): number {
    return this.#closed.size
  }

  /** Finds a process, waiting for it to start. Undefined if there is none or it failed to start. */
  async find(processId: string): Promise<Process | undefined> {
    const entry = this.#entries.get(processId)
    if (entry?.process.state !== 'starting') return this.findStarted(processId)
    await entry.process.startup
    return this.#entries.get(processId) === entry ? entry.process : undefined
  }

  /** Finds a process that has already started, for callers that must not yield to the event loop. */
  findStarted(processId: string): Process | undefined {
    return this.#entries.has(processId) ? this.findOwn(processId) : this.#attachedRun(processId)?.process
  }

  /** Like {@link findStarted}, but without the processes that this session has attached to. */
  findOwn(processId: string): Process | undefined {
    const process = this.#entries.get(processId)?.process
    return process?.state === 'starting' ? undefined : process
  }

  /**
   * Makes a process of any session available under `processId` in this one, until it is retired or this session ends.
   * This session gets none of its events, applies no back-pressure to it and does not end it.
   * @throws -32600 for an id in use, -32001 beyond `limits.processes` attachments.
   */
  attachTo(run: ProcessRun, processId: string): void {
    this.checkFree(processId)
    for (const [id, { process }] of this.#attached) if (process.disposed) this.#attached.delete(id)
    const { processes } = this.#options.limits
    if (this.#attached.size >= processes)
      throw overloaded(`too many processes are attached to by this session: ${processes}`)
    this.#attached.set(detached(processId), run)
  }

  /** Where an attached process comes from; undefined for any other id. */
  originOf(processId: string): Origin | undefined {
    const run = this.#attachedRun(processId)
    return run && { run: run.number, session: run.owner.id, processId: run.process.id }
  }

  #attachedRun(processId: string): ProcessRun | undefined {
    const run = this.#attached.get(processId)
    if (run?.process.disposed !== true) return run
    this.#attached.delete(processId)
    return undefined
  }

  /** Whether the process has not been spawned yet. */
  isStarting(processId: string): boolean {
    return this.#entries.get(processId)?.process.state === 'starting'
  }

  /**
   * Terminates a process, one that is still starting included. `graceMs`: milliseconds between SIGTERM and SIGKILL, 0
   * for an immediate SIGKILL. Returns whether it was running.
   */
  terminate(processId: string, graceMs = 0): boolean {
    const { process } = this.#entries.get(processId) ?? this.#attachedRun(processId) ?? {}
    return process?.terminate(graceMs) ?? false
  }

  /**
   * Retains a closed process for `retainEndedMs`, or until there are too many, but never drops it before its client has
   * been sent every event.
   */
  #retireLater(entry: Entry): void {
    this.#countClosed(entry)
    const { clock, limits } = this.#options
    const retire = (): void => (entry.process.events.areDelivered ? this.#retire(entry) : this.#retireLater(entry))
    this.#closed.set(entry, clock.after(limits.retainEndedMs, retire))
    this.#retireOldest()
  }

  #retireOldest(): void {
    for (const oldest of this.#closed.keys()) {
      if (this.#closed.size <= this.#options.limits.endedProcesses || !oldest.process.events.areDelivered) return
      this.#retire(oldest)
    }
  }

  #retire(entry: Entry): void {
    this.#closed.get(entry)?.()
    this.#closed.delete(entry)
    this.#entries.delete(entry.process.id)
    this.#dispose(entry)
  }

  #countClosed(entry: Entry): void {
    if (entry.isOpen) this.#options.runs.open--
    entry.isOpen = false
  }

  #dispose(entry: Entry): void {
    this.#countClosed(entry)
    const { process, run } = entry
    process.dispose()
    if (run !== undefined) this.#options.runs.remove(run)
  }

  /** Sends later events of every process to `listener`. */
  attach(listener: Listener): void {
    this.#listener = listener
    for (const { process } of this.#entries.values()) if (process.state !== 'starting') process.events.attach(listener)
  }

  /** Removes the listener from every process. */
  detach(): void {
    this.#listener = undefined
    for (const { process } of this.#entries.values()) process.events.detach()
  }

  /** Forgets a closed process now. Returns whether there is one. */
  remove(process: Process): boolean {
    for (const entry of this.#closed.keys()) {
      if (entry.process !== process) continue
      this.#retire(entry)
      return true
    }
    return false
  }

  /** Adds this session's counts to a snapshot. */
  collect(snapshot: Snapshot): void {
    for (const { process } of this.#entries.values()) {
      snapshot.processes[process.state]++
      snapshot.stdinBytes += process.stdinBytes
    }
  }

  /** Kills and removes every process. */
  dispose(): void {
    this.#disposed = true
    this.#listener = undefined
    for (const entry of this.#entries.values()) {
      // A starting process has no child yet; `start` kills it once it has one.
      if (entry.process.state === 'starting') entry.process.terminate()
      else this.#dispose(entry)
    }
    this.#entries.clear()
    this.#attached.clear()
    for (const cancel of this.#closed.values()) cancel()
    this.#closed.clear()
  }
}
