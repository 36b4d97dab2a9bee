/** Selects the requested keys of a TOML document. */
import { isTable, tableOf } from './toml.ts'
import type { TomlTable } from './toml.ts'

/** Key paths as a tree, one level per path segment; `whole` where a path ends. */
export type KeyTree = Map<string, KeyTree | 'whole'>

/** Builds the tree of a list of key paths. */
export function keyTree(paths: readonly (readonly string[])[]): KeyTree {
  const tree: KeyTree = new Map()
  for (const path of paths) {
    let at = tree
    for (const [index, key] of path.entries()) {
      const next = index === path.length - 1 ? 'whole' : (at.get(key) ?? new Map<string, KeyTree | 'whole'>())
      at.set(key, next)
      // A shorter path includes everything that a longer one selects.
      if (next === 'whole') break
      at = next
    }
  }
  return tree
}

/**
 * Selects the keys of the tree, in the document's order. Where a path continues but the document has no table, the
 * value is taken whole.
 */
export function project(table: TomlTable, tree: KeyTree): TomlTable {
  return tableOf(
    Object.entries(table).flatMap(([key, value]) => {
      const below = tree.get(key)
      if (below === undefined) return []
      return [[key, below !== 'whole' && isTable(value) ? project(value, below) : value] as const]
    }),
  )
}

/** A copy of the table without some of its top-level keys. */
export const withoutKeys = (table: TomlTable, keys: readonly string[]): TomlTable =>
  tableOf(Object.entries(table).filter(([key]) => !keys.includes(key)))
