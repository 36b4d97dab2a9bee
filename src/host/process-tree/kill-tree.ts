/**
 * Kills the process tree of a child, wherever its processes went: those with the child's process tag, the members of
 * its session, and the descendants of either. Processes forked between a scan and the kill are found by the next scan.
 */
import process from 'node:process'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { scanProcesses, scanYielding } from './proc-scan.ts'
import type { ProcInfo } from './proc-scan.ts'
import { serverMark } from './process-tag.ts'
import { REQUEST, signalChild, signalGroup, signalQuietly } from './process-group.ts'
import { statFields } from './proc-stat.ts'

/** A child whose process tree is to be killed. */
export type KillTarget = {
  /** The child's pid, which is also its process group and session id. */
  readonly pid: number
  readonly mark: string | undefined
  /** Once true, the pid may have been reused by an unrelated process. */
  readonly isReaped: boolean
}

/**
 * The kill loop ends when a scan finds nothing and no process was created meanwhile. On a machine that forks constantly
 * it ends after this many empty scans in a row: a process that forks and exits all the time may slip through a single
 * one.
 */
const STABLE_SCANS = 8
/** Upper bound on scans in one kill loop. Only a fork bomb that leaves its group with each fork needs many. */
const MAX_LOOKS = 1000
/** Upper bound at server shutdown, where the loop is synchronous: the watchdog continues after it. */
const MAX_LAST_LOOKS = 50
/** Pause between two scans, in ms, so that the event loop gets other work done. */
const LOOK_MS = 2

/** Pending kills, each with the members found before its group was killed. */
const doomed = new Map<KillTarget, ProcInfo[]>()
let isHunting = false

/** Sends SIGKILL to a child's group at once, and to the rest of its tree (Linux only) asynchronously. */
export function kill(quarry: KillTarget): void {
  // Untagged: collect descendants first; orphans are re-parented.
  const members = quarry.mark === undefined ? membersOf([quarry], scanProcesses()) : []
  if (!quarry.isReaped) signalChild(quarry.pid, 'SIGKILL')
  if (process.platform !== 'linux') return
  doomed.set(quarry, [...(doomed.get(quarry) ?? []), ...members])
  if (!isHunting) void hunt()
}

/** One kill loop at a time, for every target that is pending. */
async function hunt(): Promise<void> {
  isHunting = true
  try {
    // Batches all kills of this turn of the event loop.
    await setImmediate()
    while (doomed.size > 0) {
      const quarries = [...doomed.keys()]
      const found = [...doomed.values()].flat()
      doomed.clear()
      for (const { pid } of found) signalQuietly(pid, 'SIGKILL')
      await killRest(quarries)
    }
  } finally {
    // Reset even after an error, so that the next kill starts a new loop.
    isHunting = false
  }
}

async function killRest(quarries: readonly KillTarget[]): Promise<void> {
  // SIGKILL to a group is atomic, forks in progress included, so its members need no second scan.
  const groups = new Set(quarries.filter(({ isReaped }) => !isReaped).map(({ pid }) => pid))
  const marks = marksOf(quarries)
  const killDoomed = killer(isDoomed)
  for (let looks = 0; looks < STABLE_SCANS; looks++) {
    const { seen, isWhole } = await scanYielding((one) => void killDoomed(one))
    const fled = membersOf(quarries, seen).filter(({ group, isDead }) => !isDead && !groups.has(group))
    for (const { pid } of fled) signalQuietly(pid, 'SIGKILL')
    if (fled.length > 0 && marks.size > 0) return killUntilGone((mark) => marks.has(mark) || isDoomed(mark))
    if (fled.length > 0 || isWhole) return
  }
}

/**
 * Whether a tag belongs to a target added while this loop runs. Its processes are killed by the next scan: under
 * constant forking the end of this loop may be many scans away. Its own pass follows, for untagged processes.
 */
const isDoomed = (mark: string): boolean => doomed.keys().some((quarry) => quarry.mark === mark)

/** Scans and kills until no process with a wanted tag is left. */
async function killUntilGone(isWanted: (mark: string) => boolean): Promise<void> {
  const killNew = killer(isWanted)
  for (let [looks, quiet] = [0, 0]; looks < MAX_LOOKS && quiet < STABLE_SCANS; looks++) {
    let isNew = false
    const { isWhole } = await scanYielding((seen) => {
      if (killNew(seen)) isNew = true
    })
    if (!isNew && isWhole) return
    quiet = isNew ? 0 : quiet + 1
    await setTimeout(LOOK_MS)
  }
}

/**
 * Kills each process with a wanted tag as soon as it is scanned, and its group, which also contains forks in progress.
 * The group of a descendant has only descendants in it, unless the process was just forked and is still in the server's
 * own group. The returned function returns true for a process that it has not seen before.
 */
function killer(isWanted: (mark: string) => boolean): (seen: ProcInfo) => boolean {
  const own = Number(statFields(process.pid)?.[2])
  const known = new Set<string>()
  return ({ pid, group, startTime, isDead, mark }) => {
    const itsMark = isDead ? undefined : mark()
    if (itsMark === undefined || !isWanted(itsMark)) return false
    if (group !== own) signalGroup(group, 'SIGKILL')
    signalQuietly(pid, 'SIGKILL')
    const name = `${pid} ${startTime}`
    if (known.has(name)) return false
    known.add(name)
    return true
  }
}

/**
 * Sends SIGTERM to the whole tree of a child: its group at once, the rest asynchronously. SIGCONT follows, so that
 * stopped processes handle it.
 */
export async function terminate(quarry: KillTarget): Promise<void> {
  const { isReaped } = quarry
  const members = quarry.mark === undefined ? membersOf([quarry], scanProcesses()) : undefined
  if (!isReaped) for (const signal of REQUEST) signalChild(quarry.pid, signal)
  const all = members ?? membersOf([quarry], (await scanYielding()).seen)
  const rest = all.filter(({ group }) => isReaped || group !== quarry.pid)
  for (const { pid } of rest) for (const signal of REQUEST) signalQuietly(pid, signal)
}

/** Sends SIGKILL, synchronously, to these trees and to every process with this server's tag. */
export function killEverything(quarries: readonly KillTarget[]): void {
  const members = membersOf(quarries, scanProcesses())
  for (const { pid, isReaped } of quarries) if (!isReaped) signalChild(pid, 'SIGKILL')
  for (const { pid } of members) signalQuietly(pid, 'SIGKILL')
  const killNew = killer((mark) => mark.startsWith(serverMark))
  for (let looks = 0; looks < MAX_LAST_LOOKS; looks++) if (scanProcesses().filter(killNew).length === 0) return
}

const marksOf = (quarries: readonly KillTarget[]): ReadonlySet<string> =>
  new Set(quarries.map(({ mark }) => mark).filter((mark) => mark !== undefined))

/** The processes that belong to these targets: by session, by tag, and all descendants. */
export function membersOf(quarries: readonly KillTarget[], all: readonly ProcInfo[]): ProcInfo[] {
  const marks = marksOf(quarries)
  const numbers = new Set(all.map(({ pid }) => pid))
  // If the pid of a reaped child exists again it was reused, and so was the session id.
  const sessions = new Set(quarries.filter(({ pid, isReaped }) => !isReaped || !numbers.has(pid)).map(({ pid }) => pid))
  const isMarked = (mark: string | undefined): boolean => mark !== undefined && marks.has(mark)
  const members = all.filter((one) => sessions.has(one.session) || (marks.size > 0 && isMarked(one.mark())))
  return withDescendants(all, new Set(members))
}

function withDescendants(all: readonly ProcInfo[], members: Set<ProcInfo>): ProcInfo[] {
  const children = Map.groupBy(all, ({ parent }) => parent)
  // Iterating a Set also visits what is added during the iteration.
  for (const { pid } of members) for (const child of children.get(pid) ?? []) members.add(child)
  return [...members]
}
