/** Which module of the bundle is in which part. */
import type { Metafile } from 'esbuild'
import type { Part } from './parts.ts'

/** What the modules import, by path. */
export type ModuleGraph = ReadonlyMap<string, readonly Import[]>

type Import = { path: string; isOnDemand: boolean }

/** The part of each module, and what the other parts use of each part. */
export type Division = { partOf: ReadonlyMap<string, string>; usedByOthers: ReadonlyMap<string, readonly string[]> }

/** The graph of a bundle of one file. */
export function moduleGraph({ inputs }: Metafile): ModuleGraph {
  const entries = Object.entries(inputs).map(([path, { imports }]) => {
    const inside = imports.filter((each) => each.path in inputs)
    return [path, inside.map(({ path, kind }) => ({ path, isOnDemand: kind === 'dynamic-import' }))] as const
  })
  return new Map(entries)
}

/**
 * Puts each module in the first part that needs it, so that a part needs only those before it until it loads something
 * on demand. `copied`: folders whose modules are in no part.
 * @throws Error for a root that is not in the graph
 */
export function divide(graph: ModuleGraph, parts: readonly Part[], copied: readonly string[]): Division {
  const onDemand = [...graph.values()].flat().filter((each) => each.isOnDemand)
  const targets = [...new Set(onDemand.map(({ path }) => path))]
  const partOf = new Map<string, string>()
  const claim = (path: string, part: string): void => {
    if (partOf.has(path) || copied.some((folder) => fromRoot(path).startsWith(folder))) return
    partOf.set(path, part)
    for (const each of graph.get(path) ?? []) if (!each.isOnDemand) claim(each.path, part)
  }
  for (const { name, roots } of parts)
    for (const root of roots) for (const path of modulesOf(root, graph, targets)) claim(path, name)
  const last = parts.at(-1)
  if (last !== undefined) for (const path of targets) claim(path, last.name)
  return { partOf, usedByOthers: findUses(graph, partOf) }
}

function modulesOf(root: string, graph: ModuleGraph, targets: readonly string[]): readonly string[] {
  const candidates = root.endsWith('/') ? targets.filter((path) => fromRoot(path).startsWith(root)) : [root]
  const found = candidates.filter((path) => graph.has(path))
  if (found.length === 0) throw new Error(`the bundle has no ${root}, which scripts/build/bundle/parts.ts names`)
  return found
}

/** A path as if node_modules were in the checkout, and no link to it. */
function fromRoot(path: string): string {
  const start = path.indexOf('node_modules/')
  return start === -1 ? path : path.slice(start)
}

function findUses(graph: ModuleGraph, partOf: ReadonlyMap<string, string>): Map<string, string[]> {
  const uses = new Map<string, Set<string>>()
  for (const [path, imports] of graph)
    for (const used of imports) {
      const part = partOf.get(used.path)
      if (part === undefined || part === partOf.get(path)) continue
      const paths = uses.get(part) ?? new Set()
      uses.set(part, paths.add(used.path))
    }
  return new Map(Array.from(uses, ([part, paths]) => [part, [...paths].sort()]))
}
