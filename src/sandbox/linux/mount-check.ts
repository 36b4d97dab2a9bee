/**
 * Compares the mounts that a sandbox has come to have with its plan. bubblewrap looks paths up again after they were
 * planned, and a command that runs meanwhile may have swapped directories and links in a place that it may write. Such
 * a command can move only what it may write: whatever else is mounted where the plan wants it is what was planned.
 *
 * The kernel names the root of each mount by its present path inside the file system. So a mount of another directory
 * shows, whatever leads to it by now.
 */
import { isWithin } from '../../base/paths.ts'
import type { Mount, MountPlan } from './mounts.ts'
import { sourceOf } from './mountinfo.ts'
import { STAGE } from './staged-mounts.ts'
import type { MountEntry, MountTable } from './mountinfo.ts'

/** The two tables to compare, and what they do not show. */
export type MountsSeen = {
  inside: MountTable
  /** The table of the server, from which the sandbox copies. */
  outside: MountTable
  /** Whether this user cannot get at a path at all: bubblewrap leaves such a mount as it is. */
  isUnreachable(path: string): boolean
}

/** Whether the sandbox is complete: its own /dev appears under that name only when bubblewrap has left the host's root. */
export function isSetUp({ inside, outside }: MountsSeen): boolean {
  const devices = inside.at('/dev')
  return devices?.path === '/dev' && isFresh(devices, outside)
}

/** What is mounted in another way than planned: a path for an error message. Undefined if nothing is. */
export function misplacedMount(plan: MountPlan, seen: MountsSeen): string | undefined {
  const wanted: Mount[] = [
    ...plan.mounts,
    ...plan.forbidden.map(({ path, isDirectory }): Mount => ({ kind: 'mask', path, isDirectory, leadsOn: false })),
  ]
  if (!isBase(plan, seen)) return '/'
  for (const mount of wanted) if (!isAsPlanned(mount, seen)) return mount.path
  const planned = new Set(wanted.map(({ path }) => path))
  const known = new Set(seen.outside.entries.map(nameOfEntry))
  return seen.inside.entries.find((entry) => {
    if (entry.path === '/' || planned.has(entry.path) || seen.inside.at(entry.path) !== entry) return false
    if (isOwn(entry, seen)) return false
    return !known.has(nameOfEntry(entry)) || !isAllowed(entry, plan, seen)
  })?.path
}

const nameOfEntry = ({ device, root, path }: MountEntry): string => `${device} ${root}\0${path}`
const isReadOnly = ({ options }: MountEntry): boolean => options.includes('ro')

/** A file system that the host does not have. */
const isFresh = ({ type, root, device }: MountEntry, outside: MountTable): boolean =>
  type === 'tmpfs' && root === '/' && !outside.devices.has(device)

function isBase({ base }: MountPlan, { inside, outside }: MountsSeen): boolean {
  const root = inside.at('/')
  if (root === undefined) return false
  if (base === 'empty') return isFresh(root, outside) && isReadOnly(root)
  return shows(root, '/', outside) && (base === 'writable' || isReadOnly(root))
}

function isAsPlanned(mount: Mount, { inside, outside }: MountsSeen): boolean {
  const entry = inside.at(mount.path)
  if (entry?.path !== mount.path) return false
  if (mount.kind === 'bind') return shows(entry, mount.path, outside) && (mount.writable || isReadOnly(entry))
  if (!isReadOnly(entry)) return false
  if (mount.isDirectory) return isFresh(entry, outside)
  return shows(entry, '/dev/null', outside) && entry.options.includes('nodev')
}

/** Whether a mount shows what the host has at this path. In a chroot the tables do not tell. */
function shows({ device, root }: MountEntry, path: string, outside: MountTable): boolean {
  const source = sourceOf(outside, path)
  return source === undefined || (source.device === device && source.root === root)
}

/** The mounts that bubblewrap makes in /proc and /dev; /proc/sys is the host's. */
function isOwn(entry: MountEntry, { inside, outside }: MountsSeen): boolean {
  if (isWithin(entry.path, '/proc')) {
    const processes = inside.at('/proc')
    if (processes?.path !== '/proc' || outside.devices.has(processes.device)) return false
    return entry.device === processes.device || (isReadOnly(entry) && shows(entry, entry.path, outside))
  }
  if (!isWithin(entry.path, '/dev')) return false
  // The cover of the mounts that were attached elsewhere.
  if (entry.path === STAGE) return isFresh(entry, outside) && isReadOnly(entry)
  return entry.path === '/dev' ? isFresh(entry, outside) : entry.type === 'devpts' || shows(entry, entry.path, outside)
}

/** Whether a mount that came along with another is no more writable than its place. */
function isAllowed(entry: MountEntry, { base, mounts }: MountPlan, { isUnreachable }: MountsSeen): boolean {
  const around = mounts.findLast(({ path }) => isWithin(entry.path, path))
  const mayWrite = around === undefined ? base === 'writable' : around.kind === 'bind' && around.writable
  return mayWrite || isReadOnly(entry) || isUnreachable(entry.path)
}
