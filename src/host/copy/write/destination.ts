/** Where the sources of a copy go: each to a target, built beside it where that is a new directory. */
import { chmodSync, closeSync, mkdirSync, openSync, realpathSync, renameSync, statSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { posix } from 'node:path'
import { decodeName } from '../../../protocol/schemas/path-uri.ts'
import { syncFileSystem } from '../../ffi/file-calls.ts'
import { nativePath } from '../../fs/native-path.ts'
import { finalMode, finalOwner, setDirectoryAttributes, setEntryTimes } from '../attributes.ts'
import type { AttributeOptions } from '../attributes.ts'
import { temporaryBeside } from '../leftovers.ts'
import type { Leftovers } from '../leftovers.ts'
import { idOf } from '../machine.ts'
import type { Entry } from '../messages.ts'
import { syncDirectory } from './pending.ts'
import { lookAt, lookThrough, Refusal } from './plan-file.ts'

/** Permissions that the user needs to fill a directory. */
const FILLING = 0o700

/** The target of one source. */
export class Target {
  readonly path: string
  readonly #leftovers: Leftovers
  readonly #directories: { path: string; entry: Entry; existing: BigIntStats | undefined }[] = []
  /** The temporary directory that becomes the target. */
  #staging: string | undefined
  /** The path of a directory below which nothing is written. */
  #closedBelow: string | undefined

  constructor(path: string, leftovers: Leftovers) {
    this.path = path
    this.#leftovers = leftovers
  }

  /** Whether everything below is new, and only this copy sees it. */
  get isFresh(): boolean {
    return this.#staging !== undefined
  }

  /** Where an entry is written now. */
  placeOf(path: string): string {
    return posix.join(this.#staging ?? this.path, path)
  }

  /** Where it is in the end. */
  finalPlaceOf(path: string): string {
    return posix.join(this.path, path)
  }

  /** Whether a directory above the entry could not be made. */
  isClosed(path: string): boolean {
    return this.#closedBelow === '' || (this.#closedBelow !== undefined && path.startsWith(`${this.#closedBelow}/`))
  }

  /** Nothing below this path is written. */
  close(path: string): void {
    this.#closedBelow = path
  }

  /**
   * Creates a directory, or uses the one that is there.
   * @throws {Refusal} or the operating system's error
   */
  addDirectory(entry: Entry): void {
    const { path } = entry
    const place = this.placeOf(path)
    const found = this.isFresh ? undefined : lookAt(place)
    const existing = path === '' && found?.isSymbolicLink() === true ? lookThrough(place) : found
    if (existing !== undefined && !existing.isDirectory()) throw new Refusal('is no directory')
    if (existing !== undefined) {
      this.#directories.push({ path, entry, existing })
      return
    }
    const mode = (entry.mode & 0o777) | FILLING
    if (path === '') {
      const staging = temporaryBeside(place)
      // Only this user may look into it before it has its owner and its mode.
      mkdirSync(nativePath(staging), FILLING)
      this.#leftovers.add(staging)
      this.#staging = staging
    } else mkdirSync(nativePath(place), mode)
    this.#directories.push({ path, entry, existing: undefined })
  }

  /**
   * Gives directories their modes and times, and a new tree its name.
   * @throws the operating system's error; then a new tree is removed
   */
  publish(options: AttributeOptions, failed: (path: string, error: unknown) => void): void {
    const staging = this.#staging
    if (staging !== undefined) syncTree(staging)
    for (const { path, entry, existing } of this.#directories.splice(0).reverse()) {
      if (existing !== undefined && !options.preserve) continue
      try {
        const place = this.placeOf(path)
        setDirectoryAttributes(place, finalMode(entry, undefined, options), finalOwner(entry, undefined, options))
        if (options.preserve) setEntryTimes(place, entry)
      } catch (error) {
        failed(this.finalPlaceOf(path), error)
      }
    }
    if (staging === undefined) return
    this.#staging = undefined
    try {
      rename(staging, this.path)
      this.#leftovers.release(staging)
    } catch (error) {
      this.#leftovers.remove(staging)
      throw error
    }
    syncDirectory(posix.dirname(this.path))
  }
}

function syncTree(path: string): void {
  const fd = openSync(nativePath(path), 'r')
  try {
    syncFileSystem(fd)
  } finally {
    closeSync(fd)
  }
}

/** On some systems a directory must be writable to be renamed. */
function rename(from: string, to: string): void {
  try {
    renameSync(nativePath(from), nativePath(to))
  } catch (error) {
    const mode = statSync(nativePath(from)).mode & 0o7777
    if ((mode & 0o200) !== 0) throw error
    chmodSync(nativePath(from), mode | 0o200)
    renameSync(nativePath(from), nativePath(to))
    chmodSync(nativePath(to), mode)
  }
}

/** Whether the destination is a directory, and the ids of that (or the one that it goes to) and all above. */
export function lookAtDestination(destination: string): { isDirectory: boolean; directories: string[] } {
  const isDirectory = lookThrough(destination)?.isDirectory() === true
  const directories: string[] = []
  try {
    const start = isDirectory ? destination : posix.dirname(destination)
    let path = decodeName(realpathSync(nativePath(start), { encoding: 'buffer' }))
    for (;;) {
      const found = lookThrough(path)
      if (found !== undefined) directories.push(idOf(found))
      if (path === '/') break
      path = posix.dirname(path)
    }
  } catch {
    // It is not there: creating something in it fails with the reason.
  }
  return { isDirectory, directories }
}
