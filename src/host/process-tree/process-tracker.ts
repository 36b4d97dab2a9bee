/** The children that this server has started and may have to answer for when it ends. */
import process from 'node:process'
import { kill, killEverything, terminate } from './kill-tree.ts'
import type { KillTarget } from './kill-tree.ts'
import { REQUEST, groupExists, signalChild, signalConfined, signalGroup } from './process-group.ts'
import type { SystemSignal } from './process-group.ts'

/** Above this many remembered leftovers, those that have ended meanwhile are looked for. */
const SWEEP_AT = 256

const running = new Set<Tracked>()
/** What forgotten children left running, where no mark tells of it. */
const leftovers = new Set<Tracked>()

type Tracked = KillTarget & { isReaped: boolean }

/** One child and all that it starts. */
export type Group = {
  /** The leader has been reaped. From now on its number may come to be a stranger's. */
  reaped(): void
  signal(signal: SystemSignal): void
  /** SIGTERM to what is left of it. */
  terminate(): void
  /** SIGKILL to what is left of it. */
  kill(): void
  /** Nobody asks for the process any more; what it left running is remembered for the end. */
  forget(): void
}

export function trackGroup(pid: number, mark: string | undefined): Group {
  const tracked: Tracked = { pid, mark, isReaped: false }
  running.add(tracked)
  for (const left of leftovers) if (left.pid === pid) leftovers.delete(left)
  return {
    reaped: () => {
      tracked.isReaped = true
      running.delete(tracked)
    },
    signal: (signal) => signalChild(pid, signal),
    terminate: () => void terminate(tracked),
    kill: () => kill(tracked),
    forget: () => {
      if (mark !== undefined || running.has(tracked) || !groupExists(pid)) return
      leftovers.add(tracked)
      if (leftovers.size > SWEEP_AT) for (const left of leftovers) if (!groupExists(left.pid)) leftovers.delete(left)
    },
  }
}

/**
 * The same for a sandbox, of which the child is only the keeper: it dies with everything inside when it is
 * killed, and other signals are for the command inside and not for it.
 */
export function trackConfined(pid: number, mark: string | undefined): Group {
  return {
    ...trackGroup(pid, mark),
    signal: (signal) => signalConfined(pid, signal),
    terminate: () => {
      for (const signal of REQUEST) signalConfined(pid, signal)
    },
  }
}

/** SIGKILL to all that is left of what was started. */
export function killAllGroups(): void {
  killEverything([...running, ...leftovers])
  // Where no processes can be looked at, what was left is known by its group only.
  if (process.platform !== 'linux') for (const { pid } of leftovers) signalGroup(pid, 'SIGKILL')
}
