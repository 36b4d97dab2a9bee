/** Every process of every session, in the order of their starts: for whoever asks what runs here, and wants to join in. */
import { invalidRequest } from '../../protocol/wire/errors.ts'
import { detached } from '../../protocol/wire/json.ts'
import type { ListedProcess } from '../../protocol/schemas/process.ts'
import type { SpawnSpec } from '../base/host.ts'
import { shortName } from '../base/observer.ts'
import type { Peer } from '../base/observer.ts'
import type { Process } from './process.ts'

/** Characters of a command's arguments together, and of a directory, that are shown: enough to know them again. */
const SHOWN_TEXT = 400
/** Of a session's id: the whole of it would be the right to take the session over. */
const SHOWN_ID = 8

export type Owner = { readonly id: string; readonly isAttached: () => boolean }

export type ProcessRun = {
  /** Counted from 1. */
  readonly number: number
  readonly process: Process
  readonly owner: Owner
  readonly argv: readonly string[]
  readonly tty: boolean
  /** Settles when it runs or could not be started; absent from then on. */
  starting?: Promise<void>
}

type Shown = { readonly client: string; readonly cwd: string; readonly startedAtMs: number }

export class ProcessRegistry {
  readonly #bound: number
  readonly #runs = new Map<number, ProcessRun & Shown>()
  #count = 0

  /** `bound` is how many are told of at a time. */
  constructor(bound: number) {
    this.#bound = bound
  }

  add(
    process: Process,
    { argv, cwd, stdin }: SpawnSpec,
    owner: Owner,
    peer: Peer,
    starting: Promise<void>,
  ): ProcessRun {
    const run = {
      number: ++this.#count,
      process,
      owner,
      argv: shownArguments(argv),
      tty: stdin === 'terminal',
      starting,
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

  /** Throws -32600 where there is no such run, or none any more. */
  async find(number: number): Promise<ProcessRun> {
    await this.#runs.get(number)?.starting
    const run = this.#runs.get(number)
    if (run === undefined) throw invalidRequest(`unknown run ${number}`)
    return run
  }

  /** Where there are too many, those that are over are left out first, and then the oldest. */
  list(): ListedProcess[] {
    const excess = this.#runs.size - this.#bound
    const all = [...this.#runs.values()]
    if (excess <= 0) return all.map(listed)
    const over = all.filter(({ process }) => process.closed).slice(0, excess)
    const out = new Set([...over, ...all.filter(({ process }) => !process.closed).slice(0, excess - over.length)])
    return all.filter((run) => !out.has(run)).map(listed)
  }
}

function listed({
  number,
  process,
  owner,
  argv,
  tty,
  starting,
  client,
  cwd,
  startedAtMs,
}: ProcessRun & Shown): ListedProcess {
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
    state: starting === undefined ? state : 'starting',
    exitCode: exitCode ?? null,
    startedAtMs,
  }
}

const shown = (text: string, room: number): string => detached(text.length <= room ? text : `${text.slice(0, room)}…`)

/** The first arguments, with a mark where something is left out. */
function shownArguments(argv: readonly string[]): string[] {
  const kept: string[] = []
  let left = SHOWN_TEXT
  for (const text of argv) {
    if (left <= 0) return [...kept, '…']
    kept.push(shown(text, left))
    // Empty ones count, too.
    left -= text.length + 1
  }
  return kept
}
