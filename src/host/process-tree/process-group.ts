/**
 * Signals to process groups. Every child leads a session and a process group of its own, and its pid is the id of both.
 * The id is not reused before the leader is reaped and the last member is gone; after that it may belong to an
 * unrelated process.
 */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout } from 'node:timers'
import type { Signal } from '../../protocol/schemas/process.ts'
import { processNumbers, statFields } from './proc-stat.ts'

/** The signals that this server sends, by their POSIX names. */
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
 * The protocol's signal names as POSIX signals. `stop` is SIGSTOP, not SIGTSTP: the group is orphaned (its leader's
 * parent is in another session), and the kernel discards SIGTSTP for orphaned groups.
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

/** The signals that ask a process to exit. SIGCONT lets a stopped process handle SIGTERM. */
export const REQUEST = ['SIGTERM', 'SIGCONT'] as const

/** Signals a group. Returns false if it does not exist or has no member that may be signalled. */
export function signalGroup(pid: number, signal: SystemSignal): boolean {
  return signalQuietly(-pid, signal)
}

/**
 * Signals a child that has not been reaped, with its group. A child on a terminal may not have its own group yet when
 * its start is answered; then only the child is signalled.
 */
export function signalChild(pid: number, signal: SystemSignal): void {
  if (!signalGroup(pid, signal)) signalQuietly(pid, signal)
}

/** Like `process.kill`, but returns false instead of throwing. A negative target is a process group. */
export function signalQuietly(target: number, signal: SystemSignal): boolean {
  try {
    return process.kill(target, signal)
  } catch {
    // ESRCH: gone. EPERM: it runs as another user and cannot be signalled.
    return false
  }
}

/** Whether a process group with this id has members, related or not. */
export function groupExists(pid: number): boolean {
  try {
    process.kill(-pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A newly started sandbox has no command yet: how long to wait for it, and the poll interval, in ms. */
const COMMAND_MS = 1000
const POLL_MS = 5

/**
 * Signals the command in a sandbox, given the pid of the sandbox process: its group, and the foreground job of its
 * terminal. Polls for up to {@link COMMAND_MS} if the command has not started yet.
 */
export function signalSandboxed(sandboxPid: number, signal: SystemSignal, waited = 0): void {
  const command = commandIn(sandboxPid)
  if (command !== undefined) {
    // Read before the signal is sent: it may end the session of the terminal.
    const job = foregroundGroup(command)
    signalGroup(command, signal)
    if (job !== undefined && job !== command) signalGroup(job, signal)
  } else if (waited < COMMAND_MS && statFields(sandboxPid) !== undefined) {
    setTimeout(() => signalSandboxed(sandboxPid, signal, waited + POLL_MS), POLL_MS)
  }
}

/** The command in a sandbox, once it leads its session. */
function commandIn(sandboxPid: number): number | undefined {
  const command = childOfChild(sandboxPid)
  return command !== undefined && Number(statFields(command)?.[3]) === command ? command : undefined
}

/**
 * The first grandchild of a sandbox process: its child is the sandbox's init, and init's first child is the command.
 */
export function childOfChild(sandboxPid: number): number | undefined {
  const first = childOf(sandboxPid)
  return first === undefined ? undefined : childOf(first)
}

/** The first child of a process. */
export const childOf = (pid: number): number | undefined => childrenOf(pid)[0]

/** Child pids, in start order. */
export function childrenOf(parent: number): number[] {
  try {
    return readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number)
  } catch {
    // The kernel has no such list, or the process is gone.
  }
  return processNumbers()
    .filter((pid) => Number(statFields(pid)?.[1]) === parent)
    .sort((a, b) => a - b)
}

/** The foreground process group of a session's terminal, given the pid of a process in the session. */
export function foregroundGroup(pid: number): number | undefined {
  const group = Number(statFields(pid)?.[5])
  return Number.isInteger(group) && group > 0 ? group : undefined
}
