/** Whether two ends of a copy see the same files: device and inode number mean something on one kernel only. */
import { readFileSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { hostname } from 'node:os'
import process from 'node:process'

let known: string | undefined

/** Names the running kernel; elsewhere than on Linux, the host. */
export function machineId(): string {
  return (known ??= bootId() ?? `${process.platform} ${hostname()}`)
}

function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return undefined
  }
}

/** Identifies a file on its machine. */
export const idOf = ({ dev, ino }: BigIntStats): string => `${dev}:${ino}`
