/**
 * Signals to what a child has started. Every child leads a session and a process group of its own, both
 * numbered by its pid. That number is pinned for as long as the leader has not been reaped or a member
 * lives; after that it may come to name a stranger's.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { setImmediate, setTimeout } from 'node:timers'
import { statFields } from './proc-stat.ts'

export function signalGroup(pid: number, signal: 'SIGINT' | 'SIGKILL'): void {
  signalQuietly(-pid, signal)
}

function signalQuietly(target: number, signal: 'SIGINT' | 'SIGKILL'): void {
  try {
    process.kill(target, signal)
  } catch {
    // ESRCH: nobody is left. EPERM: what is left took another user's identity and is out of reach.
  }
}

/** Whether a group of that number has members, ours or a stranger's. */
export function groupExists(pid: number): boolean {
  try {
    process.kill(-pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const doomed = new Set<number>()

/**
 * SIGKILL to a child that has not been reaped: to its group at once, and to the job-control groups that a
 * shell made in its session at the end of this turn, in one look at all processes however many are killed.
 */
export function killSession(pid: number): void {
  signalGroup(pid, 'SIGKILL')
  if (process.platform !== 'linux') return
  if (doomed.size === 0) setImmediate(killDoomed)
  doomed.add(pid)
}

function killDoomed(): void {
  killMembers(doomed)
  doomed.clear()
}

/**
 * SIGKILL to what reaped leaders left behind. A process that has a leader's number now is a stranger, and
 * so is its session: that is left alone.
 */
export function killLeftovers(pids: Iterable<number>): void {
  if (process.platform !== 'linux') {
    for (const pid of pids) signalGroup(pid, 'SIGKILL')
    return
  }
  const sessions = sessionsByLeader()
  for (const pid of pids) {
    const members = sessions.get(pid) ?? []
    if (members.includes(pid)) continue
    for (const member of members) signalQuietly(member, 'SIGKILL')
  }
}

/** SIGKILL to all members of these sessions, whose leaders have not been reaped. */
export function killMembers(leaders: Iterable<number>): void {
  if (process.platform !== 'linux') return
  const sessions = sessionsByLeader()
  for (const leader of leaders) for (const member of sessions.get(leader) ?? []) signalQuietly(member, 'SIGKILL')
}

/** Every process by the session it belongs to. */
function sessionsByLeader(): Map<number, number[]> {
  const sessions = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const session = Number.isInteger(pid) ? Number(statFields(pid)?.[3]) : Number.NaN
    if (Number.isNaN(session)) continue
    const members = sessions.get(session) ?? []
    members.push(pid)
    sessions.set(session, members)
  }
  return sessions
}

/** A sandbox that was started just now has no command yet; so long it is waited for, looking so often. */
const COMMAND_MS = 1000
const LOOK_MS = 5

/** SIGINT to the command in a sandbox, by its keeper's pid: to its group, and to its terminal's foreground job. */
export function interruptConfined(keeper: number, waited = 0): void {
  const command = commandIn(keeper)
  if (command !== undefined) {
    signalGroup(command, 'SIGINT')
    const job = foregroundGroup(command)
    if (job !== undefined && job !== command) signalGroup(job, 'SIGINT')
  } else if (waited < COMMAND_MS && statFields(keeper) !== undefined) {
    setTimeout(() => interruptConfined(keeper, waited + LOOK_MS), LOOK_MS)
  }
}

/** What runs in a sandbox, once it leads its session. */
function commandIn(keeper: number): number | undefined {
  const command = childOfChild(keeper)
  return command !== undefined && Number(statFields(command)?.[3]) === command ? command : undefined
}

/** The keeper's child is the first process of the sandbox; what was to be run is that one's first child. */
export function childOfChild(keeper: number): number | undefined {
  const [first] = childrenOf(keeper)
  return first === undefined ? undefined : childrenOf(first)[0]
}

/** In the order they were started. */
function childrenOf(parent: number): number[] {
  try {
    return readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number)
  } catch {
    // A kernel without that list, or the process is gone.
  }
  const pids = existsSync('/proc') ? readdirSync('/proc').map(Number) : []
  return pids.filter((pid) => Number.isInteger(pid) && Number(statFields(pid)?.[1]) === parent).sort((a, b) => a - b)
}

/** The group of the job in the foreground of a session's terminal. */
export function foregroundGroup(pid: number): number | undefined {
  const group = Number(statFields(pid)?.[5])
  return Number.isInteger(group) && group > 0 ? group : undefined
}
