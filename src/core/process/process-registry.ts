/**
 * The processes of all sessions in start order, and the detached runs of earlier servers: for all that looks at runs,
 * no matter who started them, and for those who follow them.
 */
import { invalidRequest, messageOf } from '../../protocol/wire/errors.ts'
import { detached } from '../../protocol/wire/json.ts'
import type { ListedProcess } from '../../protocol/schemas/process.ts'
import type { SpawnSpec } from '../base/host.ts'
import { shortName } from '../base/observer.ts'
import type { Peer } from '../base/observer.ts'
import type { Process } from './process.ts'

/** Characters shown of a command's arguments together, and of its working directory: enough to recognize them. */
const SHOWN_TEXT = 400
/** Characters shown of a session id: the complete id would allow a client to resume the session. */
const SHOWN_ID = 8

/** The session that started a process; the server for detached runs. */
export type Owner = { readonly id: string; readonly isAttached: () => boolean; readonly isServer?: boolean }

/** One start of a process, as the registry knows it. */
export type ProcessRun = {
  /** Counted from 1. */
  readonly number: number
  readonly process: Process
  readonly owner: Owner
  readonly argv: readonly string[]
  readonly tty: boolean
  readonly name: string | undefined
  readonly client: string
  readonly cwd: string
  readonly startedAtMs: number
}

/** What happened to a run. */
export type RunChange =
  | { kind: 'started' | 'changed' | 'removed'; process: ListedProcess }
  | { kind: 'failed'; process: ListedProcess; message: string }

/** Numbers every start, finds it by that number or its name, and lists the processes. */
export class ProcessRegistry {
  readonly #bound: number
  readonly #runs = new Map<number, ProcessRun>()
  /** Runs of earlier servers. */
  readonly #earlier = new Map<number, ListedProcess>()
  readonly #numbers = new Map<string, number>()
  readonly #followers = new Set<(change: RunChange) => void>()
  #count = 0
  /** Processes of all sessions that have not closed, including those still starting. Their tables count them. */
  open = 0

  /** `bound` is the maximum number of processes in one listing. */
  constructor(bound: number) {
    this.#bound = bound
  }

  /** Adds the runs of earlier servers. Later numbers follow theirs. */
  addEarlier(runs: readonly ListedProcess[]): void {
    for (const run of runs) {
      this.#earlier.set(run.run, run)
      if (run.name !== null) this.#numbers.set(run.name, run.run)
      this.#count = Math.max(this.#count, run.run)
    }
  }

  /**
   * Checks that a name is free.
   * @throws -32600 otherwise
   */
  checkName(name: string): void {
    if (this.#numbers.has(name)) throw invalidRequest(`there is a run ${name} already: remove it, or take another name`)
  }

  /**
   * Registers a start under the next number. Command and directory are cut for display.
   * @throws -32600 for a name in use
   */
  add(process: Process, { argv, cwd, stdin }: SpawnSpec, owner: Owner, peer: Peer, name?: string): ProcessRun {
    if (name !== undefined) this.checkName(name)
    const run: ProcessRun = {
      number: ++this.#count,
      process,
      owner,
      argv: shownArguments(argv),
      tty: stdin === 'terminal',
      name,
      client: peer.client ?? '',
      cwd: shown(cwd, SHOWN_TEXT),
      startedAtMs: Date.now(),
    }
    this.#runs.set(run.number, run)
    if (name !== undefined) this.#numbers.set(name, run.number)
    return run
  }

  remove(run: ProcessRun): void {
    if (!this.#runs.delete(run.number)) return
    if (run.name !== undefined) this.#numbers.delete(run.name)
    if (run.process.wasStarted) this.#tell({ kind: 'removed', process: listed(run) })
  }

  /** Forgets a run of an earlier server. Returns whether there was one. */
  removeEarlier(number: number): boolean {
    const process = this.#earlier.get(number)
    if (process === undefined) return false
    this.#earlier.delete(number)
    if (process.name !== null) this.#numbers.delete(process.name)
    this.#tell({ kind: 'removed', process })
    return true
  }

  // ---- changes ----

  /** Calls `follow` at every change until the returned function is called. */
  follow(follow: (change: RunChange) => void): () => void {
    this.#followers.add(follow)
    return () => this.#followers.delete(follow)
  }

  started(run: ProcessRun): void {
    this.#tellOf('started', run)
  }

  failed(run: ProcessRun, error: unknown): void {
    if (this.#followers.size > 0) this.#tell({ kind: 'failed', process: listed(run), message: messageOf(error) })
  }

  /** A run has exited or closed. */
  changed(run: ProcessRun | undefined): void {
    if (run !== undefined && this.#runs.has(run.number)) this.#tellOf('changed', run)
  }

  /** Describes a run only for followers. */
  #tellOf(kind: 'started' | 'changed', run: ProcessRun): void {
    if (this.#followers.size > 0) this.#tell({ kind, process: listed(run) })
  }

  #tell(change: RunChange): void {
    for (const follow of [...this.#followers]) follow(change)
  }

  // ---- look-up ----

  #numberOf(run: number | string): number | undefined {
    return typeof run === 'number' ? run : this.#numbers.get(run)
  }

  /**
   * Finds a run by number or name, waiting for it to start.
   * @throws -32600 if there is none, or it has been removed, or only its output is left.
   */
  async find(run: number | string): Promise<ProcessRun> {
    const found = await this.findAny(run)
    if ('process' in found) return found
    throw invalidRequest(`run ${run} has ended with an earlier server: only its output is left`)
  }

  /**
   * The same, but also finds the runs of earlier servers.
   * @throws -32600 if there is none, or it has been removed.
   */
  async findAny(run: number | string): Promise<ProcessRun | ListedProcess> {
    const number = this.#numberOf(run) ?? 0
    await this.#runs.get(number)?.process.startup
    const found = this.#runs.get(number) ?? this.#earlier.get(number)
    if (found === undefined) throw invalidRequest(`unknown run ${run}`)
    return found
  }

  /** The runs of earlier servers, in the order of their starts. */
  earlier(): ListedProcess[] {
    return [...this.#earlier.values()]
  }

  /** The run of this server with that number. */
  ofNumber(number: number): ProcessRun | undefined {
    return this.#runs.get(number)
  }

  /** Finds the run of a process. */
  ofProcess(process: Process): ProcessRun | undefined {
    return this.#runs.values().find((run) => run.process === process)
  }

  /** Lists the processes in start order. Beyond the bound, closed ones are left out first, then the oldest. */
  list(): ListedProcess[] {
    const all = [...this.#earlier.values(), ...this.#runs.values().map(listed)]
    const excess = all.length - this.#bound
    if (excess <= 0) return all
    const over = all.filter(({ state }) => state === 'closed').slice(0, excess)
    const out = new Set([...over, ...all.filter(({ state }) => state !== 'closed').slice(0, excess - over.length)])
    return all.filter((run) => !out.has(run))
  }
}

/** Describes a run for process/list. */
export function listed({
  number,
  process,
  owner,
  argv,
  tty,
  name,
  client,
  cwd,
  startedAtMs,
}: ProcessRun): ListedProcess {
  const { id, pid, state, exitCode, exitedAtMs } = process
  return {
    run: number,
    name: name ?? null,
    detached: owner.isServer === true,
    processId: shortName(id),
    client,
    session: owner.id.slice(0, SHOWN_ID),
    attached: owner.isAttached(),
    argv: [...argv],
    cwd,
    tty,
    pid: pid ?? null,
    state,
    exitCode: exitCode ?? null,
    startedAtMs,
    exitedAtMs: exitedAtMs ?? null,
  }
}

const shown = (text: string, room: number): string => detached(text.length <= room ? text : `${text.slice(0, room)}…`)

/** The first arguments, with an ellipsis in place of the rest. */
export function shownArguments(argv: readonly string[]): string[] {
  const kept: string[] = []
  let left = SHOWN_TEXT
  for (const text of argv) {
    if (left <= 0) return [...kept, '…']
    kept.push(shown(text, left))
    // Plus one, so that empty arguments count, too.
    left -= text.length + 1
  }
  return kept
}
