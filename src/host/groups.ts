/** The process groups that this server started and may have to answer for when it ends. */
import { groupExists, killLeftovers, killMembers, signalGroup } from './process-group.ts'

/** Above this many remembered leftovers, those that have ended meanwhile are looked for. */
const SWEEP_AT = 256

const running = new Set<number>()
const leftovers = new Set<number>()

export const groups = {
  started(pid: number): void {
    running.add(pid)
    leftovers.delete(pid)
  },

  /** The leader has been reaped. */
  reaped(pid: number): void {
    running.delete(pid)
  },

  /** Nobody asks for the process any more; what it left running is remembered for the end. */
  forgotten(pid: number): void {
    if (running.has(pid) || !groupExists(pid)) return
    leftovers.add(pid)
    if (leftovers.size > SWEEP_AT) for (const group of leftovers) if (!groupExists(group)) leftovers.delete(group)
  },

  /** SIGKILL to all that is left of what was started. */
  killAll(): void {
    for (const pid of running) signalGroup(pid, 'SIGKILL')
    killMembers(running)
    killLeftovers(leftovers)
  },
}
