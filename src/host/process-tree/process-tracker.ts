/** Tracks the children that this server has started and must kill when it ends. */
import process from 'node:process'
import { kill, killEverything, terminate } from './kill-tree.ts'
import type { KillTarget } from './kill-tree.ts'
import { hasProc } from './proc-stat.ts'
import { REQUEST, groupExists, signalChild, signalSandboxed, signalGroup } from './process-group.ts'
import type { SystemSignal } from './process-group.ts'

/** Number of tracked leftovers above which those that have exited are removed. */
const SWEEP_AT = 256

const running = new Set<Tracked>()
/** Sandboxes that share the network of this machine, by the pid of the sandbox process. */
const onNetwork = new Set<number>()
/** Forgotten children whose group still has members and which have no tag to find those by. */
const leftovers = new Set<Tracked>()

type Tracked = KillTarget & { isReaped: boolean }

/** One child and its process tree. */
export type Group = {
  /** To be called when the leader has been reaped: from then on its pid may be reused. */
  reaped(): void
  /** Signals the child's group. */
  signal(signal: SystemSignal): void
  /** Sends SIGTERM to the remaining tree. */
  terminate(): void
  /** Sends SIGKILL to the remaining tree. */
  kill(): void
  /** The process is no longer tracked by its client; what it left running is killed when the server ends. */
  forget(): void
}

/** Tracks a child, given its pid and its process tag. */
export function trackGroup(pid: number, tag: string | undefined): Group {
  const tracked: Tracked = { pid, tag, isReaped: false }
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
      if (tag !== undefined || running.has(tracked) || !groupExists(pid)) return
      leftovers.add(tracked)
      if (leftovers.size > SWEEP_AT) for (const left of leftovers) if (!groupExists(left.pid)) leftovers.delete(left)
    },
  }
}

/**
 * Tracks a sandbox. The child is only the sandbox process: killing it kills everything inside; other signals go to the
 * command inside instead.
 */
export function trackSandboxed(pid: number, tag: string | undefined, sharesNetwork: boolean): Group {
  const group = trackGroup(pid, tag)
  if (sharesNetwork) onNetwork.add(pid)
  return {
    ...group,
    reaped: () => {
      onNetwork.delete(pid)
      group.reaped()
    },
    signal: (signal) => signalSandboxed(pid, signal),
    terminate: () => {
      for (const signal of REQUEST) signalSandboxed(pid, signal)
    },
  }
}

/** The sandbox processes whose commands share the network, and so can connect to this server. */
export const sandboxesOnNetwork = (): ReadonlySet<number> => onNetwork

/** Sends SIGKILL, synchronously, to everything this server has started that still runs. */
export function killAllGroups(): void {
  killEverything([...running, ...leftovers])
  // Without /proc, leftovers are known by their process group only.
  if (process.platform !== 'linux' || !hasProc()) for (const { pid } of leftovers) signalGroup(pid, 'SIGKILL')
}
