/**
 * A mark on whatever this server starts, by which it is found again wherever it goes: into another group or session, to another
 * parent, under another user. Groups and sessions can be left by one call, a parent is lost when it dies, and a variable in the
 * environment would be seen, and can be dropped. So the mark is a limit: all that a process starts inherits it, everybody may read it in
 * /proc/PID/limits, and nobody misses it, for it grants a real-time thread some ten thousand years without a pause (RLIMIT_RTTIME).
 * What takes that limit for itself is lost by its mark, and may still be found by its parent or session.
 */
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { getLimit, setLimit } from '../ffi/libc.ts'

/** Linux's number for it. */
const RLIMIT_RTTIME = 15

/** The digits of a mark: which server, and which of the things that it started. Together below the kernel's 64 bits. */
const SERVER_DIGITS = 8
const NUMBER_DIGITS = 9

/** What every mark of this server begins with: 4, so that the number is always of the same length. */
export const serverMark = `4${String(randomInt(10 ** SERVER_DIGITS)).padStart(SERVER_DIGITS, '0')}`

let started = 0

/**
 * Calls what starts a process, whose mark is the string that it is given; undefined where there are no marks. The limit is the
 * server's own meanwhile, as a child has no time of its own between fork and exec.
 */
export function withProcessTag<T>(start: (mark: string | undefined) => T): T {
  const own = ownLimit()
  const mark = `${serverMark}${String(++started % 10 ** NUMBER_DIGITS).padStart(NUMBER_DIGITS, '0')}`
  if (own === undefined || !setLimit(RLIMIT_RTTIME, { ...own, soft: BigInt(mark) })) return start(undefined)
  try {
    return start(mark)
  } finally {
    setLimit(RLIMIT_RTTIME, own)
  }
}

/** Whether anything can be marked here: on Linux, with foreign functions, and unless somebody has lowered that very limit. */
export const canMark = (): boolean => ownLimit() !== undefined

type Limit = { soft: bigint; hard: bigint }

/** Read once: nothing else in here changes it. */
let own: Limit | undefined | null = null

function ownLimit(): Limit | undefined {
  if (own === null) {
    const limit = process.platform === 'linux' ? getLimit(RLIMIT_RTTIME) : undefined
    own = limit !== undefined && limit.hard > BigInt(`${serverMark}${'9'.repeat(NUMBER_DIGITS)}`) ? limit : undefined
  }
  return own
}

/** The mark that a process bears, of this server or another; undefined for one that is gone or bears none. */
export function processTagOf(pid: number): string | undefined {
  try {
    return /^Max realtime timeout +(4\d{17}) /m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.[1]
  } catch {
    return undefined
  }
}
