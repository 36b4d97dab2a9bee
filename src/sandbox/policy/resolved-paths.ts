/**
 * From a policy to the places that it is about on this disk: its rules' paths free of links, what is protected
 * without a rule, and what must not come to be. Of the places that hold a path the deepest decides.
 */
import { invalidParams } from '../../protocol/wire/errors.ts'
import type { Access } from '../../protocol/schemas/sandbox.ts'
import { MINIMAL_PATHS, PROTECTED_NAMES, isWithin, join, nameOf, parentOf, stronger } from './policy.ts'
import type { Policy, Rule } from './policy.ts'
import { routeOf } from './symlink-resolver.ts'
import type { Disk, Route } from './symlink-resolver.ts'

export type PlanNeeds = {
  /** Paths that are visible whatever the policy says, because what runs inside needs them. */
  visible?: readonly string[]
  /** Link-free paths that are not writable whatever the policy says. */
  protect?: readonly string[]
  /** Link-free paths that are denied though no rule names them, such as what a glob matched. */
  deny?: readonly string[]
}

export type Place = { access: Access; kind: 'directory' | 'other' }

export type Places = {
  /** By link-free path; all of them exist. */
  places: Map<string, Place>
  /** What must not come to be, though the directory that it would be in is writable. */
  forbidden: { path: string; isDirectory: boolean }[]
  /** Every link on the way to a place that is not denied. */
  links: { path: string; text: string }[]
  /** What the places above a path, and not one at it, say about it. */
  accessAbove(path: string): Access
}

/** A rule on this disk. One that is `idle` adds nothing: it says what others say already, or nothing is there. */
type Placed = { rule: string; access: Access; route: Route; isProtection: boolean; isIdle: boolean }

/** Throws -32602 where the policy cannot be enforced. */
export function findPlaces(policy: Policy, disk: Disk, needs: PlanNeeds = {}): Places {
  const rules: Rule[] = [...policy.rules, ...(needs.deny ?? []).map((path): Rule => ({ path, access: 'deny' }))]
  const placed: Placed[] = rules.map(({ path, access }) => ({
    rule: path,
    access,
    route: routeOf(path, disk),
    isProtection: false,
    isIdle: false,
  }))
  const places = new Map<string, Place>()
  /** Links that no rule names, to what is visible. */
  const aliases: Places['links'] = []

  placeRules()
  if (policy.minimal) addMinimal()
  protectMetadata()
  for (const path of needs.visible ?? []) insist(path, 'deny')
  for (const path of needs.protect ?? []) insist(path, 'write')
  refuseUnsteady()
  return { places, forbidden: whatMustNotCome(), links: linksTaken(), accessAbove }

  /**
   * A grant by way of a link that can be led elsewhere counts for nothing, and must be superfluous. Which links
   * can be led elsewhere depends on what is granted; so until nothing changes.
   */
  function placeRules(): void {
    for (let changed = true; changed; ) {
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

  /** Whoever may write the directory of a link can lead it elsewhere, also between our look and the mount. */
  function movableLink(route: Route): string | undefined {
    return route.links.find(({ path }) => accessAbove(path) === 'write')?.path
  }

  /** Makes something read-only that is something else by the rules. */
  function insist(path: string, unless: Access): void {
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

  /** Only where no rule speaks, or one for the root that denies. */
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

  /** The protected names of every writable directory, and what a `.git` file points to. A rule for the very path is stronger. */
  function protectMetadata(): void {
    const directories = [...places]
      .filter(([, { access, kind }]) => access === 'write' && kind === 'directory')
      .map(([path]) => path)
    const granted = new Set(
      placed.filter(({ access, isIdle }) => access === 'write' && !isIdle).map(({ route }) => route.path),
    )
    for (const directory of directories) {
      // One that is granted itself is for the tool that it belongs to, which knows none of these in it.
      if (PROTECTED_NAMES.includes(nameOf(directory))) continue
      for (const name of PROTECTED_NAMES) {
        const path = join(directory, name)
        if (granted.has(path)) continue
        const route = routeOf(path, disk)
        protect(path, route)
        const pointer = name === '.git' && route.kind === 'other' ? disk.gitDirectory(route.path) : undefined
        if (pointer === undefined) continue
        const target = pointer.startsWith('/') ? pointer : `${directory}/${pointer}`
        // Even where a rule grants it: hooks and settings in it are run by the git outside.
        protect(target, routeOf(target, disk))
      }
    }
  }

  /** Takes the right to write, and gives none to read. */
  function protect(path: string, route: Route): void {
    // By way of a link that can be led elsewhere it is refused in the end, and must not hide that it is.
    if (isReal(route) && movableLink(route) === undefined && accessAt(route.path) === 'write') {
      places.set(route.path, { access: 'read', kind: route.kind })
    }
    placed.push({ rule: path, access: 'read', route, isProtection: true, isIdle: false })
  }

  /** What could be led elsewhere, or be opened by its owner later, is not enforced by what is mounted now. */
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
