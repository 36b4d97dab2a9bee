/**
 * Turns a policy into the mounts that enforce it. Mounts are ordered from shallow to deep, so the deepest mount that
 * contains a path decides, as with places.
 */
import { isWithin } from '../../base/paths.ts'
import type { Access } from '../../protocol/schemas/sandbox.ts'
import { depthOf, nameOf, parentOf, PROTECTED_NAMES } from '../policy/policy.ts'
import type { Policy } from '../policy/policy.ts'
import { findPlaces } from '../policy/resolved-paths.ts'
import type { Place, PlanNeeds, Places } from '../policy/resolved-paths.ts'
import type { Disk } from '../policy/symlink-resolver.ts'

/** One mount at an absolute path. */
export type Mount =
  /** The host's file or directory at that path. */
  | { kind: 'bind'; path: string; writable: boolean }
  /** An empty, unreadable directory or file. `leadsOn`: something below it is visible, so it can be traversed. */
  | { kind: 'mask'; path: string; isDirectory: boolean; leadsOn: boolean }

/** All mounts of a sandbox. */
export type MountPlan = Pick<Places, 'forbidden' | 'links'> & {
  /** How the root is mounted: access to every path that no mount covers. */
  base: 'readable' | 'writable' | 'empty'
  mounts: Mount[]
}

/** Whether a path without links is visible in the sandbox. */
export function isVisible({ base, mounts }: MountPlan, path: string): boolean {
  // Ordered by depth, so the last mount that contains the path is the deepest.
  const mount = mounts.findLast((candidate) => isWithin(path, candidate.path))
  return mount === undefined ? base !== 'empty' || isPrivate(path) : mount.kind === 'bind'
}

/** A place to mount. `always`: even if it inherits the same access, for example so that it cannot be renamed. */
type MountPoint = Place & { always?: true }

const SHARED_MEMORY = '/dev/shm'

/** /proc and /dev are the sandbox's own, whatever a rule grants. */
const isPrivate = (path: string): boolean =>
  isWithin(path, '/proc') || (isWithin(path, '/dev') && !isWithin(path, SHARED_MEMORY))

/**
 * The mounts for a policy.
 * @throws {RpcError} -32602 where the policy cannot be enforced
 */
export function planMounts(policy: Policy, disk: Disk, needs: PlanNeeds = {}): MountPlan {
  const { places, forbidden, links, accessAbove } = findPlaces(policy, disk, needs)
  const points = new Map<string, MountPoint>(places)
  if (places.get('/')?.access === 'write') {
    // Root could change kernel settings through /sys, even in its own namespaces.
    settle('/sys', 'read')
    if (accessAbove(SHARED_MEMORY) === 'write') settle(SHARED_MEMORY, 'write')
  }
  // The sandbox's own /dev hides the host's /dev/shm, so that needs a mount even if it inherits its access.
  const memory = points.get(SHARED_MEMORY)
  if (memory !== undefined) points.set(SHARED_MEMORY, { ...memory, always: true })
  // A granted protected directory may be written, but not renamed: make it a mount.
  for (const [path, place] of places) {
    if (place.access === 'write' && PROTECTED_NAMES.includes(nameOf(path))) points.set(path, { ...place, always: true })
  }
  for (const [path, { access }] of places) if (access !== 'write') holdInPlace(path)
  for (const { path } of forbidden) holdInPlace(path)

  // In a visible directory the host's own links show; elsewhere they are created.
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

  /** Sets the access of an existing directory that no rule names. */
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
   * A mount point cannot be renamed, but its parent directory can: a read-only path could be replaced, and a denied
   * path moved to where the next sandbox has no rule for it. So the writable directories above become mounts, too.
   */
  function holdInPlace(path: string): void {
    for (let above = parentOf(path); above !== undefined; above = parentOf(above)) {
      // Not writable, or a mount already: the directories above are handled with that place.
      if (accessAt(above) !== 'write' || (points.has(above) && accessAt(parentOf(above)) !== 'write')) return
      points.set(above, { access: 'write', kind: 'directory', always: true })
    }
  }
}
