/** What a copy has created under temporary names: to be removed when it ends early. */
import { randomBytes } from 'node:crypto'
import { chmodSync, readdirSync, rmSync } from 'node:fs'
import { posix } from 'node:path'
import { nativePath } from '../fs/native-path.ts'

/** The beginning of every temporary name. */
export const TEMPORARY_PREFIX = '.exec-server-cp-'

/** A new name beside `path`: only within one directory a rename always stays on one file system. */
export const temporaryBeside = (path: string): string => temporaryIn(posix.dirname(path))

/** A new name in a directory. */
export const temporaryIn = (directory: string): string =>
  posix.join(directory, TEMPORARY_PREFIX + randomBytes(8).toString('hex'))

/** Temporary files and directories of one copy. */
export class Leftovers {
  readonly #paths = new Set<string>()

  add(path: string): void {
    this.#paths.add(path)
  }

  /** It has got its name, or is removed. */
  release(path: string): void {
    this.#paths.delete(path)
  }

  /** Removes one now. Never throws: there is something else to report. */
  remove(path: string): void {
    this.#paths.delete(path)
    removeQuietly(path)
  }

  /** Removes all. Synchronous, so that it can run when the program ends. */
  removeAll(): void {
    for (const path of [...this.#paths].reverse()) this.remove(path)
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(nativePath(path), { recursive: true, force: true })
  } catch {
    // A directory may have got a mode already with which its contents cannot be removed.
    try {
      makeRemovable(path)
      rmSync(nativePath(path), { recursive: true, force: true })
    } catch {}
  }
}

function makeRemovable(directory: string): void {
  chmodSync(nativePath(directory), 0o700)
  for (const entry of readdirSync(nativePath(directory), { withFileTypes: true }))
    if (entry.isDirectory()) makeRemovable(posix.join(directory, entry.name))
}
