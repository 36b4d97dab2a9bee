/**
 * Kills the process tree of a child, wherever its processes went: those with the child's process tag, the members of
 * its session, and the descendants of either. Processes forked between a scan and the kill are found by the next scan.
 */
import process from 'node:process'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { scanProcesses, scanYielding } from './proc-scan.ts'
import type { ProcInfo } from './proc-scan.ts'
import { serverTag } from './process-tag.ts'
import { REQUEST, signalChild, signalGroup, signalQuietly } from './process-group.ts'
import { statFields } from './proc-stat.ts'

/** A child whose process tree is to be killed. */
export type KillTarget = {
  /** The child's pid, which is also its process group and session id. */
  readonly pid: number
  readonly tag: string | undefined
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
const MAX_SCANS = 1000
/** Upper bound at server shutdown, where the loop is synchronous: the watchdog continues after it. */
const MAX_FINAL_SCANS = 50
/** Pause between two scans, in ms, so that the event loop gets other work done. */
const SCAN_PAUSE_MS = 2

/** Pending kills, each with the members found before its group was killed. */
const pendingKills = new Map<KillTarget, ProcInfo[]>()
let isKilling = false

/** Sends SIGKILL to a child's group at once, and to the rest of its tree (Linux only) asynchronously. */
export function kill(target: KillTarget): void {
  // Untagged: collect descendants first; orphans are re-parented.
  const members = target.tag === undefined ? membersOf([target], scanProcesses()) : []
  if (!target.isReaped) signalChild(target.pid, 'SIGKILL')
  if (process.platform !== 'linux') return
  pendingKills.set(target, [...(pendingKills.get(target) ?? []), ...members])
  if (!isKilling) void killPending()
}

/** One kill loop at a time, for every target that is pending. */
async function killPending(): Promise<void> {
  isKilling = true
  try {
    // Batches all kills of this turn of the event loop.
    await setImmediate()
    while (pendingKills.size > 0) {
      const targets = [...pendingKills.keys()]
      const found = [...pendingKills.values()].flat()
      pendingKills.clear()
      for (const { pid } of found) signalQuietly(pid, 'SIGKILL')
      await killRest(targets)
    }
  } finally {
    // Reset even after an error, so that the next kill starts a new loop.
    isKilling = false
  }
}

async function killRest(targets: readonly KillTarget[]): Promise<void> {
  // SIGKILL to a group is atomic, forks in progress included, so its members need no second scan.
  const groups = new Set(targets.filter(({ isReaped }) => !isReaped).map(({ pid }) => pid))
  const tags = tagsOf(targets)
  const killNewlyPending = killer(isPending)
  for (let scans = 0; scans < STABLE_SCANS; scans++) {
    const { seen, isWhole } = await scanYielding((one) => void killNewlyPending(one))
    const escaped = membersOf(targets, seen).filter(({ group, isDead }) => !isDead && !groups.has(group))
    for (const { pid } of escaped) signalQuietly(pid, 'SIGKILL')
    if (escaped.length > 0 && tags.size > 0) return killUntilGone((tag) => tags.has(tag) || isPending(tag))
    if (escaped.length > 0 || isWhole) return
  }
}

/**
 * Whether a tag belongs to a target added while this loop runs. Its processes are killed by the next scan: under
 * constant forking the end of this loop may be many scans away. Its own pass follows, for untagged processes.
 */
const isPending = (tag: string): boolean => pendingKills.keys().some((target) => target.tag === tag)

/** Scans and kills until no process with a wanted tag is left. */
async function killUntilGone(isWanted: (tag: string) => boolean): Promise<void> {
  const killNew = killer(isWanted)
  for (let [scans, stable] = [0, 0]; scans < MAX_SCANS && stable < STABLE_SCANS; scans++) {
    let isNew = false
    const { isWhole } = await scanYielding((seen) => {
      if (killNew(seen)) isNew = true
    })
    if (!isNew && isWhole) return
    stable = isNew ? 0 : stable + 1
    await setTimeout(SCAN_PAUSE_MS)
  }
}

/**
 * Kills each process with a wanted tag as soon as it is scanned, and its group, which also contains forks in progress.
 * The group of a descendant has only descendants in it, unless the process was just forked and is still in the server's
 * own group. The returned function returns true for a process that it has not seen before.
 */
function killer(isWanted: (tag: string) => boolean): (seen: ProcInfo) => boolean {
  const own = Number(statFields(process.pid)?.[2])
  const known = new Set<string>()
  return ({ pid, group, startTime, isDead, tag }) => {
    const itsTag = isDead ? undefined : tag()
    if (itsTag === undefined || !isWanted(itsTag)) return false
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
export async function terminate(target: KillTarget): Promise<void> {
  const { isReaped } = target
  const members = target.tag === undefined ? membersOf([target], scanProcesses()) : undefined
  if (!isReaped) for (const signal of REQUEST) signalChild(target.pid, signal)
  const all = members ?? membersOf([target], (await scanYielding()).seen)
  const rest = all.filter(({ group }) => isReaped || group !== target.pid)
  for (const { pid } of rest) for (const signal of REQUEST) signalQuietly(pid, signal)
}

/** Sends SIGKILL, synchronously, to these trees and to every process with this server's tag. */
export function killEverything(targets: readonly KillTarget[]): void {
  const members = membersOf(targets, scanProcesses())
  for (const { pid, isReaped } of targets) if (!isReaped) signalChild(pid, 'SIGKILL')
  for (const { pid } of members) signalQuietly(pid, 'SIGKILL')
  const killNew = killer((tag) => tag.startsWith(serverTag))
  for (let scans = 0; scans < MAX_FINAL_SCANS; scans++) if (scanProcesses().filter(killNew).length === 0) return
}

const tagsOf = (targets: readonly KillTarget[]): ReadonlySet<string> =>
  new Set(targets.map(({ tag }) => tag).filter((tag) => tag !== undefined))

/** The processes that belong to these targets: by session, by tag, and all descendants. */
export function membersOf(targets: readonly KillTarget[], all: readonly ProcInfo[]): ProcInfo[] {
  const tags = tagsOf(targets)
  const numbers = new Set(all.map(({ pid }) => pid))
  // If the pid of a reaped child exists again it was reused, and so was the session id.
  const sessions = new Set(targets.filter(({ pid, isReaped }) => !isReaped || !numbers.has(pid)).map(({ pid }) => pid))
  const isTagged = (tag: string | undefined): boolean => tag !== undefined && tags.has(tag)
  const members = all.filter((one) => sessions.has(one.session) || (tags.size > 0 && isTagged(one.tag())))
  return withDescendants(all, new Set(members))
}

function withDescendants(all: readonly ProcInfo[], members: Set<ProcInfo>): ProcInfo[] {
  const children = Map.groupBy(all, ({ parent }) => parent)
  // Iterating a Set also visits what is added during the iteration.
  for (const { pid } of members) for (const child of children.get(pid) ?? []) members.add(child)
  return [...members]
}
