/**
 * A process tag: an inherited property by which everything this server starts can be found again, in any group or
 * session, under any parent or user. A process leaves its group or session with one call, loses its parent when that
 * dies, and an environment variable would be visible and can be dropped. So the tag is a resource limit, RLIMIT_RTTIME:
 * children inherit it, everyone can read it in /proc/PID/limits, and nobody misses it, as the value allows a real-time
 * thread some ten thousand years without a blocking call. A process that sets this limit itself loses its tag, but may
 * still be found by its parent or session.
 */
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { getLimit, setLimit } from '../ffi/libc.ts'
import type { ResourceLimit } from '../ffi/libc.ts'
import { hasProc } from './proc-stat.ts'

/** From Linux's <sys/resource.h>. */
const RLIMIT_RTTIME = 15

/** A tag's digits: the server, then a counter for what it started. Together they fit in the kernel's 64 bits. */
const SERVER_DIGITS = 8
const NUMBER_DIGITS = 9

/** The prefix of every tag of this server. The leading 4 keeps the length of the number constant. */
export const serverTag = `4${String(randomInt(10 ** SERVER_DIGITS)).padStart(SERVER_DIGITS, '0')}`

let started = 0

/**
 * Runs `start` so that the process it spawns gets a new tag, and passes it that tag; undefined where tags are not
 * supported. The server takes the limit itself for the duration of the call, since no code runs in the child between
 * fork and exec.
 */
export function withProcessTag<T>(start: (tag: string | undefined) => T): T {
  const own = ownLimit()
  const tag = `${serverTag}${String(++started % 10 ** NUMBER_DIGITS).padStart(NUMBER_DIGITS, '0')}`
  if (own === undefined || !setLimit(RLIMIT_RTTIME, { ...own, soft: BigInt(tag) })) return start(undefined)
  try {
    return start(tag)
  } finally {
    setLimit(RLIMIT_RTTIME, own)
  }
}

/**
 * Whether tags are supported: on Linux, with foreign functions and /proc, unless RLIMIT_RTTIME's hard limit is already
 * too low.
 */
export const canTag = (): boolean => ownLimit() !== undefined

/** Read once: nothing else in this process changes it. `null` until then. */
let own: ResourceLimit | undefined | null = null

function ownLimit(): ResourceLimit | undefined {
  if (own === null) {
    const limit = process.platform === 'linux' && hasProc() ? getLimit(RLIMIT_RTTIME) : undefined
    own = limit !== undefined && limit.hard > BigInt(`${serverTag}${'9'.repeat(NUMBER_DIGITS)}`) ? limit : undefined
  }
  return own
}

/** Reads the tag of a process, of this server or another. Undefined if it has none or is gone. */
export function processTagOf(pid: number): string | undefined {
  try {
    return /^Max realtime timeout +(4\d{17}) /m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.[1]
  } catch {
    return undefined
  }
}
