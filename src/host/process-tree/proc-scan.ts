/** The processes of this machine that may be ours. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { setImmediate } from 'node:timers/promises'
import { processTagOf } from './process-tag.ts'
import { processNumbers, statFields } from './proc-stat.ts'

export type ProcInfo = {
  pid: number
  parent: number
  group: number
  session: number
  /** In clock ticks since the machine started: with the number it names a process for good. */
  startTime: number
  isDead: boolean
  /** Read when it is first asked for: most are known without. */
  mark: () => string | undefined
}

type Mark = { startTime: number; is?: { mark: string | undefined } }

/** The marks that have been read, as a look at a limit costs more than the rest. A mark is for life. */
const marks = new Map<number, Mark>()

/** How long others wait for a look, which is some 30 µs for each process: a machine may have thousands. */
const SLICE_MS = 2
/** Processes in one slice at the least. On a busy machine 2 ms pass without any work of ours, and the next turn may be far. */
const SLICE_PROCESSES = 32

/** One look at all of them. */
export function scanProcesses(): ProcInfo[] {
  return remembered(processNumbers().map(readProcInfo))
}

export type Look = {
  seen: ProcInfo[]
  /** Whether nobody was born meanwhile, who may have been missed. */
  isWhole: boolean
}

/** The same, with turns for others in between. */
export async function scanYielding(visit: (seen: ProcInfo) => void = () => {}): Promise<Look> {
  const youngest = youngestProcess()
  const seen: ProcInfo[] = []
  let since = performance.now()
  let looked = 0
  // The youngest first: whoever forks all the time has the least of it.
  for (const pid of processNumbers().sort((a, b) => b - a)) {
    const one = readProcInfo(pid)
    if (one !== undefined) {
      seen.push(one)
      visit(one)
    }
    if (++looked < SLICE_PROCESSES || performance.now() - since < SLICE_MS) continue
    await setImmediate()
    since = performance.now()
    looked = 0
  }
  return { seen: remembered(seen), isWhole: youngest !== undefined && youngest === youngestProcess() }
}

/** The number that was given last. */
function youngestProcess(): string | undefined {
  try {
    return readFileSync('/proc/loadavg', 'latin1').trim().split(' ')[4]
  } catch {
    return undefined
  }
}

/** Forgets the marks of those that are gone. */
function remembered(all: readonly (ProcInfo | undefined)[]): ProcInfo[] {
  const seen = all.filter((one) => one !== undefined)
  const there = new Set(seen.map(({ pid }) => pid))
  for (const pid of marks.keys()) if (!there.has(pid)) marks.delete(pid)
  return seen
}

/** Undefined for this server itself, for what is older, and for what is gone. */
function readProcInfo(pid: number): ProcInfo | undefined {
  const fields = pid === process.pid ? undefined : statFields(pid)
  const startTime = Number(fields?.[19])
  if (fields === undefined || startTime < ownStartTime()) return undefined
  let mark = marks.get(pid)
  if (mark?.startTime !== startTime) marks.set(pid, (mark = { startTime }))
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTime,
    isDead: fields[0] === 'Z' || fields[0] === 'X',
    mark: () => (mark.is ??= { mark: processTagOf(pid) }).mark,
  }
}

let since: number | undefined

function ownStartTime(): number {
  since ??= Number(statFields(process.pid)?.[19] ?? 0)
  return since
}
