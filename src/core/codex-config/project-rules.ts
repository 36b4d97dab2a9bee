/** Reads which directories are project roots, and which projects are trusted. */
import { isTable, tableOf } from './toml.ts'
import type { TomlTable } from './toml.ts'

/** How to find projects, and which to trust. */
export type ProjectRules = {
  /** Names of files or directories that mark a project's root. */
  rootMarkers: readonly string[]
  /** Whether a directory is trusted, by the path in the user's configuration. */
  trust: ReadonlyMap<string, boolean>
}

/**
 * Merges the rules of layers in ascending precedence.
 * @throws Error for an invalid value
 */
export function projectRules(layers: readonly TomlTable[]): ProjectRules {
  const merged = layers
    .map(({ projects, project_root_markers }) => ({ projects, project_root_markers }))
    .reduce((below, above) => ({
      projects: merge(below.projects, above.projects),
      project_root_markers: merge(below.project_root_markers, above.project_root_markers),
    }))
  return { rootMarkers: rootMarkers(merged.project_root_markers), trust: trustLevels(merged.projects) }
}

/** Merges tables recursively; any other value above replaces the one below. */
function merge(below: unknown, above: unknown): unknown {
  if (above === undefined) return below
  if (!isTable(below) || !isTable(above)) return above
  const keys = new Set([...Object.keys(below), ...Object.keys(above)])
  return tableOf(Array.from(keys, (key) => [key, merge(below[key], above[key])] as const))
}

function rootMarkers(markers: unknown = ['.git']): readonly string[] {
  if (!Array.isArray(markers) || markers.some((marker) => typeof marker !== 'string')) {
    throw new Error('`project_root_markers` is not a list of strings')
  }
  return markers as string[]
}

function trustLevels(projects: unknown = tableOf([])): ReadonlyMap<string, boolean> {
  if (!isTable(projects)) throw new Error('`projects` is not a table')
  const trust = new Map<string, boolean>()
  for (const [directory, project] of Object.entries(projects)) {
    if (!isTable(project)) throw new Error(`the entry of \`projects\` for \`${directory}\` is not a table`)
    const level = project['trust_level']
    if (level === undefined) continue
    if (level !== 'trusted' && level !== 'untrusted')
      throw new Error(`\`trust_level\` of \`${directory}\` is neither "trusted" nor "untrusted"`)
    trust.set(directory, level === 'trusted')
  }
  return trust
}
