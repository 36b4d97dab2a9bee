/** What Linux tells of a running server: what it holds, and what it has started. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { statFields } from '../../../src/host/process-tree/proc-stat.ts'
import { eventually, isAlive } from '../server.ts'

/** Open descriptors, by what they lead to. */
export function descriptorsOf(pid: number): string[] {
  const names: string[] = []
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      names.push(readlinkSync(`/proc/${pid}/fd/${fd}`))
    } catch {
      // Closed since it was listed.
    }
  }
  return names.sort()
}

/** The highest number among its descriptors. */
export const highestDescriptor = (pid: number): number => Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number))

/** The processes whose parent it is, those that have ended and wait for it included. */
export function childrenOf(parent: number): { pid: number; state: string }[] {
  const children: { pid: number; state: string }[] = []
  for (const name of readdirSync('/proc')) {
    const fields = /^\d+$/.test(name) ? statFields(Number(name)) : undefined
    if (fields !== undefined && Number(fields[1]) === parent)
      children.push({ pid: Number(name), state: fields[0] as string })
  }
  return children
}

/** The unit of times in /proc, the same on every Linux that we know. */
const TICKS_PER_SECOND = 100

/** User and system time of all threads of a process; its children are not in it. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(pid) ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

export const threadsOf = (pid: number): number => readdirSync(`/proc/${pid}/task`).length

/** Every process of a user that has not ended. */
export const processesOf = (uid: number): number[] =>
  everyProcess().filter((pid) => userOf(pid) === uid && isAlive(pid))

/** All that counts against how many processes a user may have: every thread, and what has ended and was not waited for. */
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

/** What is gone meanwhile has nothing in it. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Memory that nothing but the process has, in bytes. */
export function anonymousBytes(pid: number): number {
  const kibibytes = /^Anonymous:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1]
  if (kibibytes === undefined) throw new Error('no Anonymous in smaps_rollup')
  return Number(kibibytes) * 1024
}

/** Sets a soft limit of a running process. Only its user, as whom `prefix` runs a command, may do that for certain. */
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

export function limitOf(pid: number, name: 'Max open files' | 'Max processes'): number {
  const value = new RegExp(`^${name}\\s+(\\d+|unlimited)`, 'm').exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.[1]
  return value === 'unlimited' ? Infinity : Number(value)
}

/** What a server holds at a time: to compare with what it holds later. */
export type Holdings = { descriptors: string[]; children: number }

export const holdingsOf = (pid: number): Holdings => ({
  descriptors: descriptorsOf(pid),
  children: childrenOf(pid).length,
})

/** Waits until a server holds no more than it held then; says what is too much. */
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
