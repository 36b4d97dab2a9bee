/**
 * Finds and ends all that a child has started, wherever it went: those that bear its mark, the members of its session, and whoever
 * descends from one of these. What they start between the look and the kill is found by the next look.
 */
import process from 'node:process'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { scanProcesses, scanYielding } from './proc-scan.ts'
import type { ProcInfo } from './proc-scan.ts'
import { serverMark } from './process-tag.ts'
import { REQUEST, signalChild, signalGroup, signalQuietly } from './process-group.ts'
import { statFields } from './proc-stat.ts'

export type KillTarget = {
  /** The child's number, which its group and its session have, too. */
  readonly pid: number
  readonly mark: string | undefined
  /** From then on the number may be a stranger's. */
  readonly isReaped: boolean
}

/**
 * A hunt is over when a look has found nobody and nobody was born meanwhile; or, where somebody always is, after so many that have
 * found nobody: what forks and ends all the time may slip through one.
 */
const STABLE_SCANS = 8
/** Looks in one hunt at the most. Only a bomb that leaves its group with each fork needs many. */
const MAX_LOOKS = 1000
/** And in one that must not wait, at the end of the server: its warden looks on. */
const MAX_LAST_LOOKS = 50
/** Between two looks others have their turn, too. */
const LOOK_MS = 2

/** With those that were found before the group was killed. */
const doomed = new Map<KillTarget, ProcInfo[]>()
let isHunting = false

/** SIGKILL to a child's group at once, and soon to the rest of what it started. */
export function kill(quarry: KillTarget): void {
  // Whose child somebody is, is forgotten when the parent dies; the mark stays.
  const members = quarry.mark === undefined ? membersOf([quarry], scanProcesses()) : []
  if (!quarry.isReaped) signalChild(quarry.pid, 'SIGKILL')
  if (process.platform !== 'linux') return
  doomed.set(quarry, [...(doomed.get(quarry) ?? []), ...members])
  if (!isHunting) void hunt()
}

/** One hunt at a time, for all that were doomed meanwhile, however many. */
async function hunt(): Promise<void> {
  isHunting = true
  try {
    // All that are killed in this turn together.
    await setImmediate()
    while (doomed.size > 0) {
      const quarries = [...doomed.keys()]
      const found = [...doomed.values()].flat()
      doomed.clear()
      for (const { pid } of found) signalQuietly(pid, 'SIGKILL')
      await killRest(quarries)
    }
  } finally {
    // Whatever went wrong, the next one is hunted.
    isHunting = false
  }
}

async function killRest(quarries: readonly KillTarget[]): Promise<void> {
  // A group dies as a whole, those that are being forked included, so its members need no second look.
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
 * Whether a mark is of a quarry that was doomed during this hunt. It is killed by the next look already: where processes are
 * born all the time, the end of a hunt is many looks away. A hunt of its own follows, for what bears no mark.
 */
const isDoomed = (mark: string): boolean => doomed.keys().some((quarry) => quarry.mark === mark)

/** Looks again and again for those with a mark, until none is left. */
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
 * Kills those with a mark as soon as they are seen, and with their group, in which one that is being forked is, too. Nobody but
 * descendants is in the group of a descendant, unless that has only just been forked, and is still in ours. Says who was new.
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

/** SIGTERM to all that a child has started: its group at once, and soon the rest. What was stopped goes on, to take it. */
export async function terminate(quarry: KillTarget): Promise<void> {
  const { isReaped } = quarry
  const members = quarry.mark === undefined ? membersOf([quarry], scanProcesses()) : undefined
  if (!isReaped) for (const signal of REQUEST) signalChild(quarry.pid, signal)
  const all = members ?? membersOf([quarry], (await scanYielding()).seen)
  const rest = all.filter(({ group }) => isReaped || group !== quarry.pid)
  for (const { pid } of rest) for (const signal of REQUEST) signalQuietly(pid, signal)
}

/** SIGKILL to all that this server has started and all that these have left, before it returns. */
export function killEverything(quarries: readonly KillTarget[]): void {
  const members = membersOf(quarries, scanProcesses())
  for (const { pid, isReaped } of quarries) if (!isReaped) signalChild(pid, 'SIGKILL')
  for (const { pid } of members) signalQuietly(pid, 'SIGKILL')
  const killNew = killer((mark) => mark.startsWith(serverMark))
  for (let looks = 0; looks < MAX_LAST_LOOKS; looks++) if (scanProcesses().filter(killNew).length === 0) return
}

const marksOf = (quarries: readonly KillTarget[]): ReadonlySet<string> =>
  new Set(quarries.map(({ mark }) => mark).filter((mark) => mark !== undefined))

/** All that belong to one of these children. */
export function membersOf(quarries: readonly KillTarget[], all: readonly ProcInfo[]): ProcInfo[] {
  const marks = marksOf(quarries)
  const numbers = new Set(all.map(({ pid }) => pid))
  // A process that has the number of one that was reaped is a stranger, and so is its session.
  const sessions = new Set(quarries.filter(({ pid, isReaped }) => !isReaped || !numbers.has(pid)).map(({ pid }) => pid))
  const isMarked = (mark: string | undefined): boolean => mark !== undefined && marks.has(mark)
  const members = all.filter((one) => sessions.has(one.session) || (marks.size > 0 && isMarked(one.mark())))
  return withDescendants(all, new Set(members))
}

function withDescendants(all: readonly ProcInfo[], members: Set<ProcInfo>): ProcInfo[] {
  const children = Map.groupBy(all, ({ parent }) => parent)
  // A set goes on to what is added to it meanwhile.
  for (const { pid } of members) for (const child of children.get(pid) ?? []) members.add(child)
  return [...members]
}
