/** Watches for missing paths to appear and present ones to change, for clients that cache a negative result. */
import { lstatSync, realpathSync, statSync, watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import { allMountsAreLocal } from './mounts.ts'
import { nativePath } from './native-path.ts'

/**
 * Calls `changed` once, when a missing path or a directory on the way to it appears, or when `present` or a directory
 * on the way to any path is replaced, removed or altered itself; not for changes inside them. Returns a function that
 * stops the watch. Returns undefined if it cannot be watched: a missing path exists, `present` does not, a path lies
 * below a file or a link, or a file system is not local.
 */
export function watchMissing(
  missing: readonly string[],
  present: string | undefined,
  changed: () => void,
): (() => void) | undefined {
  if (!allMountsAreLocal()) return undefined
  const watchers: FSWatcher[] = []
  const stop = (): void => watchers.splice(0).forEach((watcher) => watcher.close())
  const tell = (): void => {
    if (watchers.length === 0) return
    stop()
    changed()
  }
  try {
    for (const [directory, names] of lookOuts(missing, present)) {
      const watcher = watch(nativePath(directory), { persistent: false, encoding: 'buffer' }, (_, name) => {
        // An event without a name may concern any of them.
        if (name === null) return tell()
        const own = decodeName(name)
        const awaited = names.get(own)
        if (awaited === 'any change' || (awaited === 'existence' && exists(join(directory, own)))) tell()
      })
      watcher.on('error', tell)
      watchers.push(watcher)
    }
    // Checked after the watchers are active, so that no change is missed in between.
    if (missing.some(exists) || missing.some(isBelowFileOrLink) || (present !== undefined && !isItself(present)))
      throw new Error('nothing to wait for')
    return stop
  } catch {
    stop()
    return undefined
  }
}

type Awaited = 'existence' | 'any change'

/** The names to watch, by directory. */
function lookOuts(missing: readonly string[], present: string | undefined): Map<string, Map<string, Awaited>> {
  const found = new Map<string, Map<string, Awaited>>()
  const add = (path: string, awaited: Awaited): void => {
    const directory = dirname(path)
    const names = found.get(directory) ?? new Map<string, Awaited>()
    found.set(directory, names.set(basename(path), awaited))
  }
  /** Adds an existing path and all its parents. */
  const addPresent = (path: string): void => {
    for (let at = path; at !== '/'; at = dirname(at)) add(at, 'any change')
  }
  for (const path of missing) {
    const first = firstMissing(path)
    addPresent(dirname(first))
    add(first, 'existence')
  }
  if (present !== undefined) addPresent(present)
  return found
}

/** The path itself, or its topmost missing parent. */
function firstMissing(path: string): string {
  const parent = dirname(path)
  return exists(parent) ? path : firstMissing(parent)
}

/** A link's target may change elsewhere, unwatched. */
function isBelowFileOrLink(path: string): boolean {
  const parent = dirname(firstMissing(path))
  return !isItself(parent) || !statSync(nativePath(parent)).isDirectory()
}

/** Whether the path exists and contains no link. */
const isItself = (path: string): boolean =>
  exists(path) && realpathSync(nativePath(path), 'buffer').equals(Buffer.from(nativePath(path)))

/** A dangling link exists. */
function exists(path: string): boolean {
  return lstatSync(nativePath(path), { throwIfNoEntry: false }) !== undefined
}
