/**
 * Signals to what a child has started. Every child leads a session and a process group of its own, both
 * numbered by its pid. That number is pinned for as long as the leader has not been reaped or a member
 * lives; after that it may come to name a stranger's.
 */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout } from 'node:timers'
import type { Signal } from '../../protocol/schemas/process.ts'
import { processNumbers, statFields } from './proc-stat.ts'

export type SystemSignal =
  | 'SIGINT'
  | 'SIGTERM'
  | 'SIGHUP'
  | 'SIGQUIT'
  | 'SIGUSR1'
  | 'SIGUSR2'
  | 'SIGSTOP'
  | 'SIGCONT'
  | 'SIGKILL'

/**
 * Not SIGTSTP to stop one: a group whose leader has its parent in another session is an orphan to the kernel, which passes
 * over the stop signals that can be handled.
 */
export const systemSignals: Readonly<Record<Signal, SystemSignal>> = {
  interrupt: 'SIGINT',
  terminate: 'SIGTERM',
  hangup: 'SIGHUP',
  quit: 'SIGQUIT',
  user1: 'SIGUSR1',
  user2: 'SIGUSR2',
  stop: 'SIGSTOP',
  continue: 'SIGCONT',
  kill: 'SIGKILL',
}

/** How somebody is asked to end: what is stopped must go on for it. */
export const REQUEST = ['SIGTERM', 'SIGCONT'] as const

/** Says whether there was such a group, and somebody in it who could be signalled. */
export function signalGroup(pid: number, signal: SystemSignal): boolean {
  return signalQuietly(-pid, signal)
}

/**
 * To a child that has not been reaped, with its group. One on a terminal was only forked when its start is answered, and may have
 * no group yet; then it is alone.
 */
export function signalChild(pid: number, signal: SystemSignal): void {
  if (!signalGroup(pid, signal)) signalQuietly(pid, signal)
}

export function signalQuietly(target: number, signal: SystemSignal): boolean {
  try {
    return process.kill(target, signal)
  } catch {
    // ESRCH: nobody is left. EPERM: what is left took another user's identity and is out of reach.
    return false
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

/** A sandbox that was started just now has no command yet; so long it is waited for, looking so often. */
const COMMAND_MS = 1000
const LOOK_MS = 5

/** A signal to the command in a sandbox, by its keeper's pid: to its group, and to its terminal's foreground job. */
export function signalConfined(keeper: number, signal: SystemSignal, waited = 0): void {
  const command = commandIn(keeper)
  if (command !== undefined) {
    // Before the group gets it, which may be the end of its terminal.
    const job = foregroundGroup(command)
    signalGroup(command, signal)
    if (job !== undefined && job !== command) signalGroup(job, signal)
  } else if (waited < COMMAND_MS && statFields(keeper) !== undefined) {
    setTimeout(() => signalConfined(keeper, signal, waited + LOOK_MS), LOOK_MS)
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
    return readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number)
  } catch {
    // A kernel without that list, or the process is gone.
  }
  return processNumbers()
    .filter((pid) => Number(statFields(pid)?.[1]) === parent)
    .sort((a, b) => a - b)
}

/** The group of the job in the foreground of a session's terminal. */
export function foregroundGroup(pid: number): number | undefined {
  const group = Number(statFields(pid)?.[5])
  return Number.isInteger(group) && group > 0 ? group : undefined
}
