/**
 * The soft limit of open files that commands get: the one that this server was started with. The server itself needs
 * more, but programs that use select(2) break with more than 1024, and some close every possible descriptor.
 */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { isSea } from '../../base/sea.ts'
import { getLimit, hasFreeDescriptors, setLimit, setLimitOf } from '../ffi/libc.ts'
import type { ResourceLimit } from '../ffi/libc.ts'

const RLIMIT_NOFILE = 7

/** Descriptors that starting a command opens for a moment, and some for other threads. */
const NEEDED_DESCRIPTORS = 8

/** The commands' limit; undefined where it is not known, or is our own. `null`: not looked at yet. */
let commands: ResourceLimit | undefined | null = null

/**
 * Raises our own soft limit to the hard one. Only in the executable: other runtimes have done so before they run any
 * script, and then commands get the parent's soft limit, if its hard limit says that it has not been changed since.
 */
export function raiseOpenFilesLimit(): void {
  if (commands !== null) return
  const own = getLimit(RLIMIT_NOFILE)
  commands = undefined
  if (own === undefined) return
  if (!isSea()) commands = lowerLimitOf(process.ppid, own)
  else if (own.soft < own.hard && setLimit(RLIMIT_NOFILE, { ...own, soft: own.hard })) commands = own
}

/** The soft limit of commands, and our own limits; undefined where they are not known. */
export function openFilesLimits(): (ResourceLimit & { commands: bigint }) | undefined {
  raiseOpenFilesLimit()
  const own = getLimit(RLIMIT_NOFILE)
  return own && { ...own, commands: commands?.soft ?? own.soft }
}

/**
 * Runs `start` so that the process it spawns gets the commands' limit. No code runs in the child between fork and exec,
 * so this process takes the limit itself during the call. Where it has too many files open for that, the child gets the
 * limit right after its start, when it may have looked at it already.
 */
export function withOpenFilesLimit<T extends { pid: number | undefined }>(start: () => T): T {
  if (!commands) return start()
  const own = getLimit(RLIMIT_NOFILE)
  if (own === undefined || own.soft <= commands.soft) return start()
  if (hasFreeDescriptors(NEEDED_DESCRIPTORS, commands.soft) && setLimit(RLIMIT_NOFILE, commands)) {
    try {
      return start()
    } finally {
      setLimit(RLIMIT_NOFILE, own)
    }
  }
  const started = start()
  if (started.pid !== undefined) setLimitOf(started.pid, RLIMIT_NOFILE, commands)
  return started
}

/** For a process that replaces itself with a command: takes the soft limit that the server passes as text. */
export function takeOpenFilesLimit(soft: string): void {
  const own = soft === '' ? undefined : getLimit(RLIMIT_NOFILE)
  if (own !== undefined) setLimit(RLIMIT_NOFILE, { ...own, soft: BigInt(soft) })
}

/** The soft limit of commands for {@link takeOpenFilesLimit}. */
export const openFilesLimitText = (): string => commands?.soft.toString() ?? ''

function lowerLimitOf(pid: number, own: ResourceLimit): ResourceLimit | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/limits`, 'latin1')
    const [, soft, hard] = /^Max open files +(\d+) +(\d+) /m.exec(text) ?? []
    if (soft === undefined || hard === undefined) return undefined
    return BigInt(hard) === own.hard && BigInt(soft) < own.soft ? { ...own, soft: BigInt(soft) } : undefined
  } catch {
    return undefined
  }
}
