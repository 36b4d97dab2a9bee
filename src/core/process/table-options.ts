/** What a table of processes is made with, and a start in it. */
import type { Clock } from '../base/clock.ts'
import type { Host, SpawnSpec } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'
import type { Observer, Peer } from '../base/observer.ts'
import type { RetainedBudget } from '../output/retained-budget.ts'
import type { ScreenCount } from '../output/terminal-screen.ts'
import type { Owner, ProcessRegistry, ProcessRun } from './process-registry.ts'

/** Dependencies of one session's ProcessTable. */
export type TableOptions = {
  clock: Clock
  host: Host
  limits: Limits
  budget: RetainedBudget
  observer: Observer
  /** Counts the emulators of all sessions. Default: those of this table alone. */
  screens?: ScreenCount
  /** The processes of all sessions. */
  runs: ProcessRegistry
  /** The session that owns this table. */
  owner: Owner
}

/** How to start one process. */
export type StartOptions = {
  peer: Peer
  isSandboxed: boolean
  /** Awaited before the spawn: earlier file mutations of the same connection. Undefined: none. */
  ready: Promise<void> | undefined
  /** Called with what is to be spawned: returns how it is spawned. What is shown and recorded is the original. */
  prepare?: ((spec: SpawnSpec) => Promise<SpawnSpec>) | undefined
  /** Flow-control window in bytes; see ProcessOptions in process.ts. */
  outputWindow?: number | undefined
  /** Name of a detached run. */
  name?: string | undefined
  /** Called with the run right before the spawn. */
  onRun?: ((run: ProcessRun) => void) | undefined
}
