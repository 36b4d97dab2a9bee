/** The end of a server that lets what runs come to its own end: no new work, and a time for the rest. */
import { Method } from '../../protocol/wire/methods.ts'
import { overloaded } from '../../protocol/wire/errors.ts'
import type { RpcError } from '../../protocol/wire/errors.ts'
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'

/** What follows running work to its end. All else would be new work. */
const GOES_ON: ReadonlySet<string> = new Set([
  Method.ProcessRead,
  Method.ProcessWrite,
  Method.ProcessSignal,
  Method.ProcessTerminate,
  Method.ProcessCloseStdin,
  Method.ProcessResize,
  Method.ProcessAcknowledge,
  Method.ProcessList,
  Method.ProcessAttach,
  Method.EnvironmentInfo,
  Method.EnvironmentStatus,
  Method.FsReadBlock,
  Method.FsWriteBlock,
  Method.FsClose,
  Method.HttpAcknowledge,
  Method.HttpCancel,
])

/** How often it is looked whether all is over. Nobody waits for that but whoever sent the signal. */
const LOOK_MS = 20

export type DrainOptions = {
  clock: Clock
  limits: Limits
  /** Whether anything is under way. */
  isBusy: () => boolean
}

export class Drain {
  readonly #options: DrainOptions
  #ended: Promise<void> | undefined

  constructor(options: DrainOptions) {
    this.#options = options
  }

  get hasBegun(): boolean {
    return this.#ended !== undefined
  }

  /** Settles when nothing is under way any more, or when the time is up. */
  begin(): Promise<void> {
    this.#ended ??= new Promise((resolve) => this.#look(resolve, this.#options.clock.now(), -Infinity))
    return this.#ended
  }

  #look(resolve: () => void, beganAt: number, busyAt: number): void {
    const { clock, limits, isBusy } = this.#options
    const now = clock.now()
    const lastBusyAt = isBusy() ? now : busyAt
    if (now - beganAt >= limits.drainMs || now - lastBusyAt >= limits.drainQuietMs) return resolve()
    clock.after(LOOK_MS, () => this.#look(resolve, beganAt, lastBusyAt))
  }

  /** Refuses what would be new work. */
  check(method: string): void {
    if (this.hasBegun && !GOES_ON.has(method)) throw refusal()
  }

  /** Refuses a session that would be new. */
  checkNewSession(): void {
    if (this.hasBegun) throw refusal()
  }
}

function refusal(): RpcError {
  return overloaded('the server is draining: it takes no new work and is about to end')
}
