/**
 * Turns the entries of a permission profile into rules on path text, without disk access. The deepest rule that
 * contains a path decides; at equal depth deny overrides write, and write overrides read.
 */
import { isWithin } from '../../base/paths.ts'
import { invalidParams } from '../../protocol/wire/errors.ts'
import { normalizePath } from '../../protocol/schemas/path-uri.ts'
import type { Access, Entry, Network, Sandbox } from '../../protocol/schemas/sandbox.ts'
import { GlobBudget, GlobSyntaxError, parseGlob } from './glob.ts'
import type { Glob } from './glob.ts'

/** Access for a path and everything below it. */
export type Rule = {
  /** Absolute and normalised. */
  path: string
  access: Access
}

/** What a sandbox allows. */
export type Policy = {
  rules: Rule[]
  /** Whether MINIMAL_PATHS are readable where no rule applies, or only a denying rule for `/`. */
  minimal: boolean
  /** Matching paths are denied, whatever the rules say. */
  denyGlobs: Glob[]
  /** How many levels below a glob's directory are scanned for matches. */
  globScanMaxDepth?: number
  network: Network
}

/** Values of the symbolic entries on this machine. */
export type Surroundings = {
  /** Default for a sandbox without a cwd. */
  cwd?: string | undefined
  home?: string | undefined
  /** TMPDIR of the sandboxed process. */
  tmpdir?: string | undefined
}

/** Directories that programs need to run at all. Missing ones are skipped. */
export const MINIMAL_PATHS = [
  '/bin',
  '/sbin',
  '/usr',
  '/etc',
  '/lib',
  '/lib32',
  '/lib64',
  '/nix/store',
  '/run/current-system/sw',
]

/** Directories in a workspace that tools outside trust: a command that can write them can escape the sandbox. */
export const PROTECTED_NAMES = ['.git', '.agents', '.codex', '.aws']

const STRENGTH: Record<Access, number> = { read: 0, write: 1, deny: 2 }

/** The access that wins at equal depth: deny over write, write over read. */
export const stronger = (a: Access, b: Access): Access => (STRENGTH[a] >= STRENGTH[b] ? a : b)

/** Number of path components; 0 for `/`. */
export const depthOf = (path: string): number => (path === '/' ? 0 : path.split('/').length - 1)

/** Appends one name to an absolute path, without normalising. */
export const join = (directory: string, name: string): string =>
  directory === '/' ? `/${name}` : `${directory}/${name}`

/** The last path component; empty for `/`. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** The containing directory; undefined for `/`. */
export function parentOf(path: string): string | undefined {
  return path === '/' ? undefined : path.slice(0, path.lastIndexOf('/')) || '/'
}

/** Each rule costs a few stat calls and a mount. */
const MAX_RULES = 4096

/** Characters of the paths of all rules, as given: some hundred for each of MAX_RULES, or the longest for 250. */
const MAX_RULE_CHARACTERS = 2 ** 20

/**
 * The policy of a sandbox; undefined if every file may be written, so that there is nothing to enforce for files.
 * @throws {RpcError} -32602 for an entry that cannot be enforced, a malformed glob or too many rules
 */
export function resolvePolicy(
  { files, network, cwd, workspaceRoots, home }: Sandbox,
  surroundings: Surroundings,
): Policy | undefined {
  if (files.unrestricted) return undefined
  const homes = [...new Set([home, surroundings.home])].filter((one) => one !== undefined)
  const place = { ...surroundings, cwd: cwd ?? surroundings.cwd, workspaceRoots, homes }
  const { entries, globScanMaxDepth } = files
  const budget = new GlobBudget()
  const policy: Policy = {
    rules: rulesOf(entries, place),
    minimal: entries.some(({ at, access }) => at.type === 'minimal' && access !== 'deny'),
    denyGlobs: entries.flatMap((entry) => denyGlob(entry, place, budget)),
    ...(globScanMaxDepth === undefined ? {} : { globScanMaxDepth }),
    network,
  }
  return isFullWrite(policy) ? undefined : policy
}

type Place = Surroundings & { workspaceRoots: string[] | undefined; homes: readonly string[] }

/** Counts before it makes the rules: every entry for the workspace has as many paths as there are roots. */
function rulesOf(entries: readonly Entry[], place: Place): Rule[] {
  const rules: Rule[] = []
  let characters = 0
  for (const entry of entries) {
    const paths = entryPaths(entry, place)
    characters += paths.reduce((sum, path) => sum + path.length, 0)
    if (rules.length + paths.length > MAX_RULES || characters > MAX_RULE_CHARACTERS)
      throw invalidParams('the sandbox has too many or too long entries and workspace roots')
    for (const path of paths) rules.push({ path: normalizePath(path), access: entry.access })
  }
  return rules
}

/** Absolute, not all of them normalised. */
function entryPaths({ at, access }: Entry, place: Place): string[] {
  switch (at.type) {
    case 'path':
      return [at.path]
    case 'root':
      return ['/']
    case 'slash_tmp':
      return ['/tmp']
    case 'tmpdir':
      return place.tmpdir?.startsWith('/') === true ? [place.tmpdir] : []
    case 'project_roots': {
      const roots = place.workspaceRoots ?? [cwdOf(place)]
      return roots.map((root) => (at.subpath === undefined ? root : `${root}/${at.subpath}`))
    }
    case 'minimal':
    case 'unknown':
      // Granting less than intended is safe; denying less is not.
      if (access === 'deny') throw invalidParams(`a sandbox entry that denies \`${at.type}\` cannot be enforced`)
      return []
    case 'glob':
      return []
  }
}

function denyGlob({ at, access }: Entry, place: Place, budget: GlobBudget): Glob[] {
  if (at.type !== 'glob' || access !== 'deny') return []
  try {
    return absolutePatterns(at.pattern, place).map((pattern) => parseGlob(pattern, budget))
  } catch (error) {
    if (error instanceof GlobSyntaxError) throw invalidParams(error.message)
    throw error
  }
}

/** A pattern below the home directory is about the client's idea of it and about the server's: each may be the real one. */
function absolutePatterns(pattern: string, place: Place): string[] {
  if (pattern.startsWith('/')) return [pattern]
  if (!pattern.startsWith('~/')) return [`${escapeGlob(cwdOf(place))}/${pattern.replace(/^(\.\/+)+/, '')}`]
  if (place.homes.length === 0) throw invalidParams('the home directory that a sandbox glob names is not known')
  return place.homes.map((home) => `${escapeGlob(home)}/${pattern.slice(2)}`)
}

const escapeGlob = (path: string): string => path.replace(/[*?[\]{},\\]/g, '\\$&')

function cwdOf({ cwd }: Place): string {
  if (cwd === undefined) throw invalidParams('file system sandbox context with dynamic permissions requires cwd')
  return cwd
}

/** The rule that decides about a path, if any contains it. */
export function decidingRule(rules: readonly Rule[], path: string): Rule | undefined {
  let deciding: Rule | undefined
  for (const rule of rules) {
    if (!isWithin(path, rule.path)) continue
    // Both contain the path, so the longer one is the deeper one.
    const deeper = deciding === undefined || rule.path.length > deciding.path.length
    const equal = deciding !== undefined && rule.path.length === deciding.path.length
    if (deeper || (equal && STRENGTH[rule.access] > STRENGTH[(deciding as Rule).access])) deciding = rule
  }
  return deciding
}

/** Access to a path by path text alone. The tests check the mounts against it. */
export function accessOf(policy: Policy, path: string): Access {
  if (policy.denyGlobs.some((glob) => glob.matches(path))) return 'deny'
  const deciding = decidingRule(policy.rules, path)
  const isOpen = deciding === undefined || (deciding.path === '/' && deciding.access === 'deny')
  if (isOpen) return policy.minimal && MINIMAL_PATHS.some((minimal) => isWithin(path, minimal)) ? 'read' : 'deny'
  return deciding.access
}

/** Whether every file may be read, so that reads need no sandbox. */
export function isFullRead({ rules, denyGlobs }: Policy): boolean {
  return (
    denyGlobs.length === 0 && decidingRule(rules, '/') !== undefined && rules.every(({ access }) => access !== 'deny')
  )
}

/** Whether every file may be written: `/` is writable, and so is the path of every other rule. */
function isFullWrite({ rules, denyGlobs }: Policy): boolean {
  if (denyGlobs.length > 0 || decidingRule(rules, '/')?.access !== 'write') return false
  const strongest = new Map<string, Access>()
  for (const { path, access } of rules) strongest.set(path, stronger(strongest.get(path) ?? access, access))
  return [...strongest.values()].every((access) => access === 'write')
}
