/** Tells when something comes to be, or ceases to be what it was: for clients that remember what they did not find. */
import { lstatSync, realpathSync, statSync, watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import { allMountsAreLocal } from './mounts.ts'
import { nativePath } from './native-path.ts'

/**
 * Calls `changed` once, when one of the missing paths or a directory on the way to it appears, or when `present`, or a
 * directory on the way to any of them, is replaced, removed or altered itself; not for what happens inside of them.
 * Undefined if that cannot be told: one is there, `present` is not, one lies below a file, or others change the disk.
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
        // An event without a name may be about any of them.
        if (name === null) return tell()
        const own = decodeName(name)
        const awaited = names.get(own)
        if (awaited === 'any change' || (awaited === 'existence' && exists(join(directory, own)))) tell()
      })
      watcher.on('error', tell)
      watchers.push(watcher)
    }
    // Looked at once the watchers stand, so that nothing comes about in between.
    if (missing.some(exists) || missing.some(isBelowFileOrLink) || (present !== undefined && !isItself(present)))
      throw new Error('nothing to wait for')
    return stop
  } catch {
    stop()
    return undefined
  }
}

type Awaited = 'existence' | 'any change'

/** Which names are awaited in which directories. */
function lookOuts(missing: readonly string[], present: string | undefined): Map<string, Map<string, Awaited>> {
  const found = new Map<string, Map<string, Awaited>>()
  const add = (path: string, awaited: Awaited): void => {
    const directory = dirname(path)
    const names = found.get(directory) ?? new Map<string, Awaited>()
    found.set(directory, names.set(basename(path), awaited))
  }
  /** The path and all above it, which are there. */
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

/** The path, or the highest above it that is missing. */
function firstMissing(path: string): string {
  const parent = dirname(path)
  return exists(parent) ? path : firstMissing(parent)
}

/** What a link leads to may change elsewhere, where nobody looks. */
function isBelowFileOrLink(path: string): boolean {
  const parent = dirname(firstMissing(path))
  return !isItself(parent) || !statSync(nativePath(parent)).isDirectory()
}

/** Whether it is there, and no link leads to it. */
const isItself = (path: string): boolean =>
  exists(path) && realpathSync(nativePath(path), 'buffer').equals(Buffer.from(nativePath(path)))

/** A link that leads nowhere is there. */
function exists(path: string): boolean {
  return lstatSync(nativePath(path), { throwIfNoEntry: false }) !== undefined
}
