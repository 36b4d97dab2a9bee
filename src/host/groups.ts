/** The process groups that this server started and may have to answer for when it ends. */
import { groupExists, interruptConfined, killLeftovers, killMembers, killSession, signalGroup } from './process-group.ts'

/** Above this many remembered leftovers, those that have ended meanwhile are looked for. */
const SWEEP_AT = 256

const running = new Set<number>()
const leftovers = new Set<number>()

/** The group of one child, and of what it starts. */
export type Group = {
  /** The leader has been reaped. From now on its number may come to be a stranger's. */
  reaped(): void
  interrupt(): void
  /** SIGKILL to what is left of it. */
  kill(): void
  /** Nobody asks for the process any more; what it left running is remembered for the end. */
  forget(): void
}

export function trackGroup(pid: number): Group {
  let isReaped = false
  running.add(pid)
  leftovers.delete(pid)
  return {
    reaped: () => {
      isReaped = true
      running.delete(pid)
    },
    interrupt: () => signalGroup(pid, 'SIGINT'),
    kill: () => (isReaped ? killLeftovers([pid]) : killSession(pid)),
    forget: () => {
      if (running.has(pid) || !groupExists(pid)) return
      leftovers.add(pid)
      if (leftovers.size > SWEEP_AT) for (const group of leftovers) if (!groupExists(group)) leftovers.delete(group)
    },
  }
}

/**
 * The same for a sandbox, of which the child is only the keeper: it dies with everything inside when it is
 * killed, and a SIGINT is for the command inside and not for it.
 */
export function trackConfined(pid: number): Group {
  return { ...trackGroup(pid), interrupt: () => interruptConfined(pid) }
}

/** SIGKILL to all that is left of what was started. */
export function killAllGroups(): void {
  for (const pid of running) signalGroup(pid, 'SIGKILL')
  killMembers(running)
  killLeftovers(leftovers)
}
