/**
 * From a policy to the mounts that enforce it. Mounts are laid from the shallowest to the deepest, so that of
 * those that hold a path the deepest counts, as it does among the places.
 */
import type { Access } from '../../protocol/schemas/sandbox.ts'
import { depthOf, isWithin, nameOf, parentOf, PROTECTED_NAMES } from '../policy/policy.ts'
import type { Policy } from '../policy/policy.ts'
import { findPlaces } from '../policy/resolved-paths.ts'
import type { Place, PlanNeeds, Places } from '../policy/resolved-paths.ts'
import type { Disk } from '../policy/symlink-resolver.ts'

export type Mount =
  /** What the machine has at that path. */
  | { kind: 'bind'; path: string; writable: boolean }
  /** Nothing: an empty directory or file that cannot be read. */
  | { kind: 'mask'; path: string; isDirectory: boolean; leadsOn: boolean }

export type MountPlan = Pick<Places, 'forbidden' | 'links'> & {
  /** What everything is that no mount speaks of. */
  base: 'readable' | 'writable' | 'empty'
  mounts: Mount[]
}

/** Whether anything is to be seen at a link-free path. */
export function isVisible({ base, mounts }: MountPlan, path: string): boolean {
  // They are in order, so the last that holds it is the deepest.
  const mount = mounts.findLast((candidate) => isWithin(path, candidate.path))
  return mount === undefined ? base !== 'empty' || isPrivate(path) : mount.kind === 'bind'
}

/** A place, or a directory that is a mount only so that it stays where it is. */
type MountPoint = Place & { always?: true }

const SHARED_MEMORY = '/dev/shm'

/** The view of processes, and the devices, are the sandbox's own, whatever a rule grants. */
const isPrivate = (path: string): boolean =>
  isWithin(path, '/proc') || (isWithin(path, '/dev') && !isWithin(path, SHARED_MEMORY))

/** Throws -32602 where the policy cannot be enforced. */
export function planMounts(policy: Policy, disk: Disk, needs: PlanNeeds = {}): MountPlan {
  const { places, forbidden, links, accessAbove } = findPlaces(policy, disk, needs)
  const points = new Map<string, MountPoint>(places)
  if (places.get('/')?.access === 'write') {
    // Root would change the kernel's settings through it, namespaces or not.
    settle('/sys', 'read')
    if (accessAbove(SHARED_MEMORY) === 'write') settle(SHARED_MEMORY, 'write')
  }
  // The sandbox's own devices are between it and what it would be a part of.
  const memory = points.get(SHARED_MEMORY)
  if (memory !== undefined) points.set(SHARED_MEMORY, { ...memory, always: true })
  // A protected name that is granted is so as it is: to be written, and not to be put aside.
  for (const [path, place] of places) {
    if (place.access === 'write' && PROTECTED_NAMES.includes(nameOf(path))) points.set(path, { ...place, always: true })
  }
  for (const [path, { access }] of places) if (access !== 'write') holdInPlace(path)
  for (const { path } of forbidden) holdInPlace(path)

  // Where anything is visible, links are too.
  const shownLinks = links.filter(({ path }) => accessAbove(path) === 'deny' && !isPrivate(path))
  const leadingOn = new Set<string>()
  const shown = [...places].filter(([, { access }]) => access !== 'deny').map(([path]) => path)
  for (const path of [...shown, ...shownLinks.map((link) => link.path)]) {
    for (let above = parentOf(path); above !== undefined && !leadingOn.has(above); above = parentOf(above))
      leadingOn.add(above)
  }

  const root = points.get('/')?.access ?? 'deny'
  const plan: MountPlan = {
    base: root === 'deny' ? 'empty' : root === 'write' ? 'writable' : 'readable',
    mounts: [],
    links: shownLinks,
    forbidden: forbidden.filter(({ path }) => !isPrivate(path)),
  }
  for (const [path, { access, kind, always }] of [...points].sort(
    ([a], [b]) => depthOf(a) - depthOf(b) || (a < b ? -1 : 1),
  )) {
    if (path === '/' || (isPrivate(path) && (access !== 'deny' || path === '/dev' || isWithin(path, '/proc')))) continue
    if (access === accessAt(parentOf(path)) && always !== true) continue
    if (access !== 'deny') plan.mounts.push({ kind: 'bind', path, writable: access === 'write' })
    else plan.mounts.push({ kind: 'mask', path, isDirectory: kind === 'directory', leadsOn: leadingOn.has(path) })
  }
  return plan

  /** Unless a rule speaks of it, and where it exists. */
  function settle(path: string, access: Access): void {
    if (!points.has(path) && disk.kind(path) === 'directory') points.set(path, { access, kind: 'directory' })
  }

  function accessAt(path: string | undefined): Access {
    for (let at = path; at !== undefined; at = parentOf(at)) {
      const point = points.get(at)
      if (point !== undefined) return point.access
    }
    return 'deny'
  }

  /**
   * A mount cannot be renamed, but the directory that holds it can: another could be put in place of what is
   * read-only, and what is denied is where no rule looks for it in the next sandbox. So the writable directories
   * on the way become mounts too.
   */
  function holdInPlace(path: string): void {
    for (let above = parentOf(path); above !== undefined; above = parentOf(above)) {
      // One that is a mount anyway, and those above it hold it in turn.
      if (accessAt(above) !== 'write' || (points.has(above) && accessAt(parentOf(above)) !== 'write')) return
      points.set(above, { access: 'write', kind: 'directory', always: true })
    }
  }
}
