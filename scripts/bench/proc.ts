/** What Linux tells of a process. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { statFields } from '../../src/host/process-tree/proc-stat.ts'

/** The unit of times in /proc, the same on every Linux that we know. */
const TICKS_PER_SECOND = 100

/** User and system time of all threads of a process, in seconds; its children are not in it. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(pid) ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Calls of read, write and their kin so far, by all threads. */
export function ioCalls(pid: number): number {
  const text = readFileSync(`/proc/${pid}/io`, 'latin1')
  return ['syscr', 'syscw'].reduce((sum, name) => sum + Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1]), 0)
}

/** In MiB. */
export type Memory = { resident: number; anonymous: number; proportional: number }

export function memory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  return {
    resident: mebibytes(status, 'VmRSS'),
    anonymous: mebibytes(status, 'RssAnon'),
    proportional: mebibytes(rollup, 'Pss'),
  }
}

/** For what a server does soon after its work, such as collecting garbage. */
const SETTLE_MS = 7000

/** Its memory once it has come to rest. */
export async function settledMemory(pid: number): Promise<Memory> {
  await sleep(SETTLE_MS)
  return memory(pid)
}

function mebibytes(text: string, name: string): number {
  const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]
  if (kibibytes === undefined) throw new Error(`no ${name} in /proc`)
  return Number(kibibytes) / 1024
}

export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && Number(statFields(pid)?.[1]) === parent)
}
