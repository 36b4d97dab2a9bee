/** Taking from a TOML document what is asked for, and no more. */
import { isTable, tableOf } from './toml.ts'
import type { TomlTable } from './toml.ts'

/** The names at one place of the paths, each with those that follow it; `whole` where a path ends. */
export type KeyTree = Map<string, KeyTree | 'whole'>

export function keyTree(paths: readonly (readonly string[])[]): KeyTree {
  const tree: KeyTree = new Map()
  for (const path of paths) {
    let at = tree
    for (const [index, key] of path.entries()) {
      const next = index === path.length - 1 ? 'whole' : (at.get(key) ?? new Map<string, KeyTree | 'whole'>())
      at.set(key, next)
      // A shorter path has all of what a longer one asks for.
      if (next === 'whole') break
      at = next
    }
  }
  return tree
}

/** The keys of the tree, in the document's order. Where a path goes on and the document has no table, its value is taken whole. */
export function project(table: TomlTable, tree: KeyTree): TomlTable {
  return tableOf(
    Object.entries(table).flatMap(([key, value]) => {
      const below = tree.get(key)
      if (below === undefined) return []
      return [[key, below !== 'whole' && isTable(value) ? project(value, below) : value] as const]
    }),
  )
}

export const withoutKeys = (table: TomlTable, keys: readonly string[]): TomlTable =>
  tableOf(Object.entries(table).filter(([key]) => !keys.includes(key)))
