/** The runs of one MCP server, by id. */
import { escapeControlChars } from '../../base/control-chars.ts'
import { MAX_RUNS } from '../limits.ts'
import { ToolError } from '../tool.ts'
import type { Run } from './run.ts'

/** What happens to the list: `removed` is a run that made room, or was cancelled. */
export type RunChange = { what: 'started' | 'ended' | 'removed'; run: Run }

export class RunList {
  /** Called with each change. */
  onChange: (change: RunChange) => void = () => {}
  readonly #runs = new Map<string, Run>()
  #starting = 0
  #count = 0

  /** The oldest first. */
  all(): Run[] {
    return [...this.#runs.values()]
  }

  /** @throws {ToolError} if there is none */
  get(id: string): Run {
    const run = this.#runs.get(id)
    if (run !== undefined) return run
    throw new ToolError(`there is no run ${escapeControlChars(id.slice(0, 40))}; list_runs shows those that there are`)
  }

  /**
   * Adds the run that `start` makes. The oldest finished run makes room for it.
   * @throws {ToolError} if too many commands are running
   */
  async add(start: (id: string) => Promise<Run>): Promise<Run> {
    const finished = this.all().find(({ state }) => state !== 'running')
    if (this.#runs.size + this.#starting >= MAX_RUNS) {
      if (finished === undefined) throw new ToolError(`${MAX_RUNS} commands are running: kill some first`)
      this.delete(finished.id)
    }
    this.#starting++
    try {
      const run = await start(`run-${++this.#count}`)
      this.#runs.set(run.id, run)
      this.onChange({ what: 'started', run })
      void run.closed.then(() => this.onChange({ what: 'ended', run }))
      return run
    } finally {
      this.#starting--
    }
  }

  delete(id: string): void {
    const run = this.#runs.get(id)
    if (run !== undefined && this.#runs.delete(id)) this.onChange({ what: 'removed', run })
  }
}
