/** The processes of all sessions in start order, for process/list and process/attach. */
import { invalidRequest } from '../../protocol/wire/errors.ts'
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

/** The session that started a process. */
export type Owner = { readonly id: string; readonly isAttached: () => boolean }

/** One start of a process, as the registry knows it. */
export type ProcessRun = {
  /** Counted from 1. */
  readonly number: number
  readonly process: Process
  readonly owner: Owner
  readonly argv: readonly string[]
  readonly tty: boolean
}

type Shown = { readonly client: string; readonly cwd: string; readonly startedAtMs: number }

/** Numbers every start, finds it by that number and lists the processes. */
export class ProcessRegistry {
  readonly #bound: number
  readonly #runs = new Map<number, ProcessRun & Shown>()
  #count = 0

  /** `bound` is the maximum number of processes in one listing. */
  constructor(bound: number) {
    this.#bound = bound
  }

  /** Registers a start under the next number. Command and directory are cut for display. */
  add(process: Process, { argv, cwd, stdin }: SpawnSpec, owner: Owner, peer: Peer): ProcessRun {
    const run = {
      number: ++this.#count,
      process,
      owner,
      argv: shownArguments(argv),
      tty: stdin === 'terminal',
      client: peer.client ?? '',
      cwd: shown(cwd, SHOWN_TEXT),
      startedAtMs: Date.now(),
    }
    this.#runs.set(run.number, run)
    return run
  }

  remove({ number }: ProcessRun): void {
    this.#runs.delete(number)
  }

  /**
   * Finds a run by number, waiting for it to start.
   * @throws -32600 if there is none, or it has been removed.
   */
  async find(number: number): Promise<ProcessRun> {
    await this.#runs.get(number)?.process.startup
    const run = this.#runs.get(number)
    if (run === undefined) throw invalidRequest(`unknown run ${number}`)
    return run
  }

  /** Lists the processes in start order. Beyond the bound, closed ones are left out first, then the oldest. */
  list(): ListedProcess[] {
    const excess = this.#runs.size - this.#bound
    const all = [...this.#runs.values()]
    if (excess <= 0) return all.map(listed)
    const over = all.filter(({ process }) => process.closed).slice(0, excess)
    const out = new Set([...over, ...all.filter(({ process }) => !process.closed).slice(0, excess - over.length)])
    return all.filter((run) => !out.has(run)).map(listed)
  }
}

function listed({ number, process, owner, argv, tty, client, cwd, startedAtMs }: ProcessRun & Shown): ListedProcess {
  const { id, pid, state, exitCode } = process
  return {
    run: number,
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
  }
}

const shown = (text: string, room: number): string => detached(text.length <= room ? text : `${text.slice(0, room)}…`)

/** The first arguments, with an ellipsis in place of the rest. */
function shownArguments(argv: readonly string[]): string[] {
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
