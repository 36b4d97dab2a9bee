/** Graceful shutdown: refuses new work, and gives running work time to finish. */
import { Method } from '../../protocol/wire/methods.ts'
import { overloaded } from '../../protocol/wire/errors.ts'
import type { RpcError } from '../../protocol/wire/errors.ts'
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'

/** Methods that continue running work. Everything else would be new work. */
const CONTINUES_WORK: ReadonlySet<string> = new Set([
  Method.ProcessRead,
  Method.ProcessWrite,
  Method.ProcessSignal,
  Method.ProcessTerminate,
  Method.ProcessCloseStdin,
  Method.ProcessResize,
  Method.ProcessAcknowledge,
  Method.ProcessList,
  Method.ProcessAttach,
  Method.ProcessSnapshot,
  Method.ProcessWait,
  Method.ProcessLogs,
  Method.ProcessRemove,
  Method.ProcessSubscribe,
  Method.EnvironmentInfo,
  Method.EnvironmentStatus,
  Method.FsReadBlock,
  Method.FsWriteBlock,
  Method.FsClose,
  Method.HttpAcknowledge,
  Method.HttpCancel,
  Method.NetWrite,
  Method.NetAcknowledge,
  Method.NetEnd,
  Method.NetClose,
  Method.NetUnlisten,
  Method.NetPorts,
])

/** Poll interval in milliseconds. */
const POLL_MS = 20

/** Dependencies of {@link Drain}. */
export type DrainOptions = {
  clock: Clock
  limits: Limits
  /** Whether any process, request or queued message remains. */
  isBusy: () => boolean
}

/** Rejects new work once draining has begun, and waits until the server is idle. */
export class Drain {
  readonly #options: DrainOptions
  #ended: Promise<void> | undefined

  constructor(options: DrainOptions) {
    this.#options = options
  }

  get hasBegun(): boolean {
    return this.#ended !== undefined
  }

  /**
   * Starts draining. Settles once the server has been idle for `drainQuietMs`, at the latest after `graceMs`. Later calls
   * change nothing.
   */
  begin(graceMs = this.#options.limits.drainMs): Promise<void> {
    const { clock } = this.#options
    this.#ended ??= new Promise((resolve) => this.#poll(resolve, clock.now() + graceMs, -Infinity))
    return this.#ended
  }

  #poll(resolve: () => void, endsAt: number, busyAt: number): void {
    const { clock, limits, isBusy } = this.#options
    const now = clock.now()
    const lastBusyAt = isBusy() ? now : busyAt
    if (now >= endsAt || now - lastBusyAt >= limits.drainQuietMs) return resolve()
    clock.after(POLL_MS, () => this.#poll(resolve, endsAt, lastBusyAt))
  }

  /** @throws -32001 for a method that would be new work */
  check(method: string): void {
    if (this.hasBegun && !CONTINUES_WORK.has(method)) throw refusal()
  }

  /** @throws -32001 for a new session */
  checkNewSession(): void {
    if (this.hasBegun) throw refusal()
  }
}

function refusal(): RpcError {
  return overloaded('the server is draining: it takes no new work and is about to end')
}
