/** Scans /proc for processes that this server may have started. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setImmediate } from 'node:timers/promises'
import { processTagOf } from './process-tag.ts'
import { processNumbers, statFields } from './proc-stat.ts'

/** One process, from /proc/PID/stat. */
export type ProcInfo = {
  pid: number
  parent: number
  group: number
  session: number
  /** In clock ticks since boot. Together with the pid it identifies a process uniquely. */
  startTime: number
  isDead: boolean
  /** The process tag, read on first use: most processes are classified without it. */
  tag: () => string | undefined
}

type CachedTag = { startTime: number; is?: { tag: string | undefined } }

/** Tag cache: reading the limits costs more than the rest of a scan, and a tag never changes. */
const tags = new Map<number, CachedTag>()

/** Time slice of a yielding scan, in ms. A scan takes some 30 µs per process, and a machine may have thousands. */
const SLICE_MS = 2
/**
 * Minimum number of processes per slice. On a busy machine 2 ms may pass without any progress, and the next turn of the
 * event loop may be far off.
 */
const SLICE_PROCESSES = 32

/** Scans all processes at once. Leaves out this server, everything older than it, and what is gone. */
export function scanProcesses(): ProcInfo[] {
  return remembered(processNumbers().map(readProcInfo))
}

/** The result of a yielding scan. */
export type YieldingScan = {
  seen: ProcInfo[]
  /** Whether no process was created during the scan, so that none can have been missed. */
  isWhole: boolean
}

/**
 * Like {@link scanProcesses}, but yields to the event loop every {@link SLICE_MS}. Calls `visit` for each process as
 * soon as it is read.
 */
export async function scanYielding(visit: (seen: ProcInfo) => void = () => {}): Promise<YieldingScan> {
  const youngest = youngestProcess()
  const seen: ProcInfo[] = []
  let since = performance.now()
  let scanned = 0
  // Highest pid first, so that constant forking has the least time to outrun the scan.
  for (const pid of processNumbers().sort((a, b) => b - a)) {
    const one = readProcInfo(pid)
    if (one !== undefined) {
      seen.push(one)
      visit(one)
    }
    if (++scanned < SLICE_PROCESSES || performance.now() - since < SLICE_MS) continue
    await setImmediate()
    since = performance.now()
    scanned = 0
  }
  return { seen: remembered(seen), isWhole: youngest !== undefined && youngest === youngestProcess() }
}

/** The pid that the kernel assigned last. */
function youngestProcess(): string | undefined {
  try {
    return readFileSync('/proc/loadavg', 'latin1').trim().split(' ')[4]
  } catch {
    return undefined
  }
}

/** Drops cached tags of processes that no longer exist. */
function remembered(all: readonly (ProcInfo | undefined)[]): ProcInfo[] {
  const seen = all.filter((one) => one !== undefined)
  const there = new Set(seen.map(({ pid }) => pid))
  for (const pid of tags.keys()) if (!there.has(pid)) tags.delete(pid)
  return seen
}

/** Returns undefined for this server itself, for processes older than it, and for those that are gone. */
function readProcInfo(pid: number): ProcInfo | undefined {
  const fields = pid === process.pid ? undefined : statFields(pid)
  const startTime = Number(fields?.[19])
  if (fields === undefined || startTime < ownStartTime()) return undefined
  let tag = tags.get(pid)
  if (tag?.startTime !== startTime) tags.set(pid, (tag = { startTime }))
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTime,
    isDead: fields[0] === 'Z' || fields[0] === 'X',
    tag: () => (tag.is ??= { tag: processTagOf(pid) }).tag,
  }
}

let since: number | undefined

function ownStartTime(): number {
  since ??= Number(statFields(process.pid)?.[19] ?? 0)
  return since
}
