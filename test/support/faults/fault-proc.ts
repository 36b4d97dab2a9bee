/** Reads from /proc which resources a running server holds and which processes it has started. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { statFields } from '../../../src/host/process-tree/proc-stat.ts'
import { eventually, isAlive } from '../server.ts'

/** Targets of the open file descriptors. */
export function descriptorsOf(pid: number): string[] {
  const names: string[] = []
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      names.push(readlinkSync(`/proc/${pid}/fd/${fd}`))
    } catch {
      // Closed since readdir.
    }
  }
  return names.sort()
}

/** The highest file descriptor number. */
export const highestDescriptor = (pid: number): number => Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number))

/** Child processes, zombies included. */
export function childrenOf(parent: number): { pid: number; state: string }[] {
  const children: { pid: number; state: string }[] = []
  for (const name of readdirSync('/proc')) {
    const fields = /^\d+$/.test(name) ? statFields(Number(name)) : undefined
    if (fields !== undefined && Number(fields[1]) === parent)
      children.push({ pid: Number(name), state: fields[0] as string })
  }
  return children
}

/** Unit of times in /proc (USER_HZ), the same on every known Linux. */
const TICKS_PER_SECOND = 100

/** User and system time in seconds of all threads of a process, without its children. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(pid) ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Number of threads of a process. */
export const threadsOf = (pid: number): number => readdirSync(`/proc/${pid}/task`).length

/** All processes of a user, without zombies. */
export const processesOf = (uid: number): number[] =>
  everyProcess().filter((pid) => userOf(pid) === uid && isAlive(pid))

/** Number of tasks that count against a user's RLIMIT_NPROC: all threads, zombies included. */
export function tasksOf(uid: number): number {
  return everyProcess()
    .filter((pid) => userOf(pid) === uid)
    .reduce((sum, pid) => sum + namesIn(`/proc/${pid}/task`).length, 0)
}

const everyProcess = (): number[] => readdirSync('/proc').map(Number).filter(Number.isInteger)

function userOf(pid: number): number | undefined {
  try {
    return Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
  } catch {
    return undefined
  }
}

/** Directory entries; empty if the directory has disappeared. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Anonymous memory of a process, in bytes. */
export function anonymousBytes(pid: number): number {
  const kibibytes = /^Anonymous:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1]
  if (kibibytes === undefined) throw new Error('no Anonymous in smaps_rollup')
  return Number(kibibytes) * 1024
}

/** Sets a soft limit of a running process. `prefix` should run prlimit as the user of that process. */
export function setLimit(
  pid: number,
  resource: 'nofile' | 'nproc',
  soft: number | 'unlimited',
  prefix: readonly string[] = [],
): void {
  const [command, ...args] = [...prefix, 'prlimit', `--pid=${pid}`, `--${resource}=${soft}:`]
  const { status, stderr } = spawnSync(command as string, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`prlimit: ${stderr}`)
}

/** A soft limit of a running process. */
export function limitOf(pid: number, name: 'Max open files' | 'Max processes'): number {
  const value = new RegExp(`^${name}\\s+(\\d+|unlimited)`, 'm').exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.[1]
  return value === 'unlimited' ? Infinity : Number(value)
}

/** Resources that a server holds, for comparison with a later time. */
export type Holdings = { descriptors: string[]; children: number }

/** The resources that a server holds now. */
export const holdingsOf = (pid: number): Holdings => ({
  descriptors: descriptorsOf(pid),
  children: childrenOf(pid).length,
})

/** Waits until a server holds no more than `before`; throws with a list of what is left. */
export async function settled(pid: number, before: Holdings, ms = 30_000): Promise<void> {
  const isSettled = (): boolean =>
    descriptorsOf(pid).length <= before.descriptors.length && childrenOf(pid).length <= before.children
  try {
    await eventually(isSettled, ms)
  } catch {
    const rest = descriptorsOf(pid)
    for (const each of before.descriptors) if (rest.includes(each)) rest.splice(rest.indexOf(each), 1)
    throw new Error(
      `left behind after ${ms} ms: children ${JSON.stringify(childrenOf(pid))}, descriptors ${JSON.stringify(rest)}`,
    )
  }
}
