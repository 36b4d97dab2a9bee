/** Processes that a run has started, wherever they are by now: a variable of their environment tells. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { statFields } from '../../src/host/process-tree/proc-stat.ts'

export const MARK = 'EXEC_SERVER_SOAK'

/** The time between two looks. */
const LOOK_MS = 50

/** Whether a process runs. One that is dead and waits for its parent does not. */
export function isAlive(pid: number): boolean {
  const state = statFields(pid)?.[0]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** The living processes with this mark. */
export function marked(mark: string): number[] {
  const entry = `${MARK}=${mark}\0`
  return allProcesses().filter((pid) => isAlive(pid) && environmentOf(pid).includes(entry))
}

function allProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function environmentOf(pid: number): string {
  try {
    return `${readFileSync(`/proc/${pid}/environ`, 'latin1')}\0`
  } catch {
    // It has ended, or is somebody else's.
    return ''
  }
}

export function commandOf(pid: number): string {
  try {
    return `${pid}: ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')}`
  } catch {
    return String(pid)
  }
}

/** A process and all that it has started, by their times of start, so that a pid that is used again is told apart. */
export function descendants(root: number): { pid: number; started: string }[] {
  const children = new Map<number, number[]>()
  const started = new Map<number, string>()
  for (const pid of allProcesses()) {
    const fields = statFields(pid)
    if (fields === undefined) continue
    started.set(pid, fields[19] as string)
    const parent = Number(fields[1])
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  const found: { pid: number; started: string }[] = []
  for (const queue = [...(children.get(root) ?? [])]; queue.length > 0; ) {
    const pid = queue.pop() as number
    found.push({ pid, started: started.get(pid) as string })
    queue.push(...(children.get(pid) ?? []))
  }
  return found
}

export const isStill = ({ pid, started }: { pid: number; started: string }): boolean =>
  isAlive(pid) && statFields(pid)?.[19] === started

/** Dead children that nobody has waited for. */
export const zombiesOf = (parent: number): number =>
  allProcesses().filter((pid) => {
    const fields = statFields(pid)
    return fields?.[0] === 'Z' && Number(fields[1]) === parent
  }).length

/** Waits until `probe` finds nothing more, at most so long. Returns what it then still finds. */
export async function untilNone<T>(probe: () => readonly T[], ms: number): Promise<readonly T[]> {
  for (const deadline = Date.now() + ms; ; ) {
    const found = probe()
    if (found.length === 0 || Date.now() > deadline) return found
    await sleep(LOOK_MS)
  }
}
