/**
 * Resolves a policy against the disk: the rules' paths without links, paths that are protected without a rule, and
 * paths that must not be created. The deepest place that contains a path decides.
 */
import { isWithin } from '../../base/paths.ts'
import { invalidParams } from '../../protocol/wire/errors.ts'
import type { Access } from '../../protocol/schemas/sandbox.ts'
import { MINIMAL_PATHS, PROTECTED_NAMES, join, nameOf, parentOf, stronger } from './policy.ts'
import type { Policy, Rule } from './policy.ts'
import { boundedDisk, routeOf } from './symlink-resolver.ts'
import type { Disk, Route } from './symlink-resolver.ts'

/** Overrides of a policy. */
export type PlanNeeds = {
  /** Paths that are readable whatever the policy says, because the program inside needs them. */
  visible?: readonly string[]
  /** Paths without links that are read-only whatever the policy says. */
  protect?: readonly string[]
  /** Paths without links that are denied though no rule names them, such as matches of a glob. */
  deny?: readonly string[]
}

/** Rounds of dropping write grants through movable links: each needs a link in what the grant dropped before led to. */
const MAX_ROUNDS = 64

/** Access to an existing path and everything below it. */
export type Place = { access: Access; kind: 'directory' | 'other' }

/** A policy resolved against the disk. */
export type Places = {
  /** By path without links; all of them exist. */
  places: Map<string, Place>
  /** Missing paths in writable directories that the sandbox must not create. */
  forbidden: { path: string; isDirectory: boolean }[]
  /** Every link on the way to a place that is not denied, with its target text. */
  links: { path: string; text: string }[]
  /** The access that a path inherits from the places above it. */
  accessAbove(path: string): Access
}

/** A resolved rule. An idle rule is ignored: it grants access through a movable link. */
type Placed = { rule: string; access: Access; route: Route; isProtection: boolean; isIdle: boolean }

/**
 * Resolves the paths of a policy.
 * @throws {RpcError} -32602 where the policy cannot be enforced
 */
export function findPlaces(policy: Policy, wholeDisk: Disk, needs: PlanNeeds = {}): Places {
  const disk = boundedDisk(wholeDisk)
  const rules: Rule[] = [...policy.rules, ...(needs.deny ?? []).map((path): Rule => ({ path, access: 'deny' }))]
  const placed: Placed[] = rules.map(({ path, access }) => ({
    rule: path,
    access,
    route: routeOf(path, disk),
    isProtection: false,
    isIdle: false,
  }))
  const places = new Map<string, Place>()
  /** Links to readable paths that no rule names. */
  const aliases: Places['links'] = []

  placeRules()
  if (policy.minimal) addMinimal()
  protectMetadata()
  for (const path of needs.visible ?? []) forceReadOnly(path, 'deny')
  for (const path of needs.protect ?? []) forceReadOnly(path, 'write')
  refuseUnsteady()
  return { places, forbidden: whatMustNotCome(), links: linksTaken(), accessAbove }

  /**
   * A write grant through a movable link is ignored, and rejected later unless another rule grants the same. Which
   * links are movable depends on the grants, so this repeats until nothing changes.
   */
  function placeRules(): void {
    for (let [changed, rounds] = [true, 0]; changed; rounds++) {
      if (rounds > MAX_ROUNDS) throw invalidParams('too many rules of the sandbox depend on each other')
      places.clear()
      for (const { access, route, isIdle } of placed) if (!isIdle) place(route, access)
      const idle = placed.filter(
        (rule) => !rule.isIdle && rule.access === 'write' && movableLink(rule.route) !== undefined,
      )
      for (const rule of idle) rule.isIdle = true
      changed = idle.length > 0
    }
  }

  function place(route: Route, access: Access): void {
    if (!isReal(route)) return
    const before = places.get(route.path)?.access ?? access
    places.set(route.path, { access: stronger(before, access), kind: route.kind })
  }

  /** The first link in a writable directory: the sandbox can retarget it, even between our check and the mount. */
  function movableLink(route: Route): string | undefined {
    return route.links.find(({ path }) => accessAbove(path) === 'write')?.path
  }

  /** Makes a path read-only if its access is `unless`. */
  function forceReadOnly(path: string, unless: Access): void {
    const route = routeOf(path, disk)
    if (!isReal(route) || movableLink(route) !== undefined) return
    if (accessAt(route.path) === unless) places.set(route.path, { access: 'read', kind: route.kind })
    if (accessAt(route.path) !== 'deny') aliases.push(...route.links)
  }

  function accessAbove(path: string): Access {
    for (let above = parentOf(path); above !== undefined; above = parentOf(above)) {
      const place = places.get(above)
      if (place !== undefined) return place.access
    }
    return 'deny'
  }

  function accessAt(path: string): Access {
    return places.get(path)?.access ?? accessAbove(path)
  }

  /** Makes MINIMAL_PATHS readable where no rule applies, or only a denying rule for `/`. */
  function addMinimal(): void {
    const speaking = [...places]
      .filter(([path, { access }]) => !(path === '/' && access === 'deny'))
      .map(([path]) => path)
    for (const minimal of MINIMAL_PATHS) {
      const route = routeOf(minimal, disk)
      if (!isReal(route)) continue
      if (!speaking.some((path) => isWithin(route.path, path))) place(route, 'read')
      if (accessAt(route.path) !== 'deny') aliases.push(...route.links)
    }
  }

  /**
   * Protects PROTECTED_NAMES in every writable directory, and the directory that a `.git` file points to. A write rule
   * for exactly that path overrides it.
   */
  function protectMetadata(): void {
    const directories = [...places]
      .filter(([, { access, kind }]) => access === 'write' && kind === 'directory')
      .map(([path]) => path)
    const granted = new Set(
      placed.filter(({ access, isIdle }) => access === 'write' && !isIdle).map(({ route }) => route.path),
    )
    for (const directory of directories) {
      // A protected directory that is granted itself belongs to its tool, which has no such names inside.
      if (PROTECTED_NAMES.includes(nameOf(directory))) continue
      for (const name of PROTECTED_NAMES) {
        const path = join(directory, name)
        if (granted.has(path)) continue
        const route = routeOf(path, disk)
        protect(path, route)
        const pointer = name === '.git' && route.kind === 'other' ? disk.gitDirectory(route.path) : undefined
        if (pointer === undefined) continue
        const target = pointer.startsWith('/') ? pointer : `${directory}/${pointer}`
        // Even where a rule grants it: the git outside runs its hooks and reads its config.
        protect(target, routeOf(target, disk))
      }
    }
  }

  /** Removes write access; never adds read access. */
  function protect(path: string, route: Route): void {
    // A path through a movable link is left writable, so that refuseUnsteady rejects it.
    if (isReal(route) && movableLink(route) === undefined && accessAt(route.path) === 'write') {
      places.set(route.path, { access: 'read', kind: route.kind })
    }
    placed.push({ rule: path, access: 'read', route, isProtection: true, isIdle: false })
  }

  /**
   * Rejects rules that today's mounts cannot enforce: a link on the way can be retargeted, or the owner can make an
   * unreachable path accessible later.
   */
  function refuseUnsteady(): void {
    for (const { rule, access, route, isIdle } of placed) {
      const what = access === 'write' ? 'writable' : access === 'read' ? 'read-only' : 'denied'
      const link = movableLink(route)
      if (link !== undefined && !(isIdle && accessAt(route.path) === 'write')) {
        throw invalidParams(`cannot enforce the ${what} path ${rule}: it crosses the writable symbolic link ${link}`)
      }
      if (route.kind === 'unreachable' && access !== 'write' && accessAt(route.path) === 'write') {
        throw invalidParams(`cannot enforce the ${what} path ${rule}: it cannot be looked at`)
      }
    }
  }

  function whatMustNotCome(): Places['forbidden'] {
    const forbidden = new Map<string, boolean>()
    for (const { access, route, isProtection } of placed) {
      const missing = route.firstMissing
      if (access === 'write' || missing === undefined || accessAbove(missing) !== 'write') continue
      forbidden.set(missing, isProtection || forbidden.get(missing) === true)
    }
    return Array.from(forbidden, ([path, isDirectory]) => ({ path, isDirectory })).sort(byPath)
  }

  function linksTaken(): Places['links'] {
    const links = new Map(aliases.map(({ path, text }) => [path, text]))
    for (const { access, route, isIdle, isProtection } of placed) {
      if (access !== 'deny' && !isIdle && !isProtection && isReal(route))
        for (const { path, text } of route.links) links.set(path, text)
    }
    return Array.from(links, ([path, text]) => ({ path, text })).sort(byPath)
  }
}

const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1)

function isReal(route: Route): route is Route & { kind: 'directory' | 'other' } {
  return route.kind === 'directory' || route.kind === 'other'
}
