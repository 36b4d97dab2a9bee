/** Walks the sources of a copy, and yields what is to be created, in order. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { posix } from 'node:path'
import { decodeName } from '../../../protocol/schemas/path-uri.ts'
import { errorCode } from '../../../base/os-error-text.ts'
import { nativePath } from '../../fs/native-path.ts'
import { idOf, machineId } from '../machine.ts'
import { CopyError } from '../messages.ts'
import type { CopyOptions, Entry, EntryKind, Hello, Message } from '../messages.ts'
import { excluder } from '../patterns.ts'
import { readContents, readSmall } from './read-file.ts'
import type { ReadMode } from './read-file.ts'
import { failure } from '../texts.ts'

/** A message, or those of a file that is not small. */
export type Step = Message | AsyncGenerator<Message, void, undefined>

/** A walk is synchronous, which is faster for small files. An error of a stream is thrown where it was yielded. */
export type Walk = Generator<Step, void, undefined>

/** One source while it is read. */
type Root = { index: number; name: string; source: string }

type Found = { path: string; source: string; info: BigIntStats }

/** Whether the destination is the directory with this id, or in it. */
export const isAround = ({ machine, directories }: Hello, id: string): boolean =>
  machine === machineId() && directories.includes(id)

/** The name to create in the destination. `.`, `..` and `/` have none: their contents are copied, as cp does. */
function nameOf(path: string): string {
  const name = posix.basename(path)
  return name === '..' || name === '.' ? '' : name
}

/** Undefined if nothing is there. */
export function statOf(path: string, follow: boolean): BigIntStats | undefined {
  const options = { bigint: true, throwIfNoEntry: false } as const
  return follow ? statSync(nativePath(path), options) : lstatSync(nativePath(path), options)
}

/** Walks one source after the other. */
export class SourceWalker {
  readonly #options: CopyOptions
  /** Where the copy goes, once that is known: no source may be there. */
  #destination: Hello | undefined
  readonly #mode: ReadMode
  readonly #isExcluded: (path: string) => boolean
  /** First names of files with several, by id. */
  readonly #linked = new Map<string, { root: number; path: string }>()

  constructor(options: CopyOptions, mode: ReadMode) {
    this.#options = options
    this.#mode = mode
    this.#isExcluded = excluder(options.exclude)
  }

  setDestination(destination: Hello): void {
    this.#destination = destination
  }

  /** Yields everything below the sources. What cannot be read is reported, and the rest follows. */
  *walk(sources: readonly string[]): Walk {
    for (const [index, source] of sources.entries()) yield* this.#read({ index, name: nameOf(source), source })
  }

  *#read(root: Root): Walk {
    const { recursive, dereference } = this.#options
    try {
      const info = statOf(root.source, dereference || !recursive)
      if (info === undefined) return yield failure('source', root.source, 'No such file or directory')
      if (info.isDirectory() && !recursive) return yield failure('source', root.source, 'is a directory; -r copies it')
      yield* this.#readEntry(root, { path: '', source: root.source, info }, [])
    } catch (error) {
      yield* this.#failed(root.source, error)
    }
  }

  *#failed(path: string, error: unknown): Generator<Message, void, undefined> {
    this.#mode.signal.throwIfAborted()
    if (error instanceof CopyError || errorCode(error) === undefined) throw error
    yield failure('source', path, error)
  }

  /** `above`: ids of the directories above, to find links that lead back. */
  *#readEntry(root: Root, found: Found, above: readonly string[]): Walk {
    this.#mode.signal.throwIfAborted()
    const { info, path, source } = found
    if (info.isDirectory()) return yield* this.#readDirectory(root, found, above)
    if (info.isSymbolicLink()) {
      const target = decodeName(readlinkSync(nativePath(source), { encoding: 'buffer' }))
      return yield { ...this.#entry(root, found, 'link'), target }
    }
    if (info.isFile() && this.#options.archive && info.nlink > 1n) {
      const first = this.#linked.get(idOf(info))
      if (first !== undefined)
        return yield { ...this.#entry(root, found, 'hardLink'), target: first.path, targetRoot: first.root }
      this.#linked.set(idOf(info), { root: root.index, path })
    }
    // A FIFO or a device that is named itself is read like a file.
    if (info.isFile() || !this.#options.recursive) return yield* this.#readFile(root, found)
    if (info.isFIFO() && this.#options.archive) return yield this.#entry(root, found, 'fifo')
    yield failure('source', source, 'is neither a file, a directory nor a link')
  }

  *#readDirectory(root: Root, found: Found, above: readonly string[]): Walk {
    const { source, info } = found
    const id = idOf(info)
    if (this.#destination !== undefined && isAround(this.#destination, id))
      return yield failure('source', source, 'a directory is not copied into itself')
    if (above.includes(id)) return yield failure('source', source, 'leads back to a directory above it')
    yield this.#entry(root, found, 'directory')
    let names: string[]
    try {
      names = readdirSync(nativePath(source), { encoding: 'buffer' }).map(decodeName)
    } catch (error) {
      return yield* this.#failed(source, error)
    }
    for (const name of names.sort()) {
      const path = posix.join(found.path, name)
      if (this.#isExcluded(path)) continue
      yield* this.#readChild(root, path, posix.join(source, name), [...above, id])
    }
  }

  *#readChild(root: Root, path: string, source: string, above: readonly string[]): Walk {
    try {
      const info = statOf(source, this.#options.dereference)
      if (info !== undefined) return yield* this.#readEntry(root, { path, source, info }, above)
      // It may also have been removed meanwhile.
      if (statOf(source, false) !== undefined) yield failure('source', source, 'is a link that leads nowhere')
    } catch (error) {
      yield* this.#failed(source, error)
    }
  }

  *#readFile(root: Root, found: Found): Walk {
    const { dereference, recursive, dryRun } = this.#options
    const { source } = found
    if (dryRun) return yield this.#entry(root, found, 'file')
    // Without blocking: what was a file may have been replaced by a FIFO.
    const follow = dereference || !recursive ? 0 : constants.O_NOFOLLOW
    const wait = found.info.isFile() ? constants.O_NONBLOCK : 0
    const fd = openSync(nativePath(source), constants.O_RDONLY | follow | wait)
    let isOpen = false
    try {
      const info = fstatSync(fd, { bigint: true })
      const entry = this.#entry(root, { ...found, info }, 'file')
      const small = readSmall(fd, info)
      if (small !== undefined) return yield { type: 'small', entry, ...small }
      isOpen = true
      yield entry
      yield readContents(fd, info, source, this.#mode)
    } catch (error) {
      if (isOpen) yield { type: 'broken' }
      throw error
    } finally {
      closeSync(fd)
    }
  }

  #entry(root: Root, { path, source, info }: Found, kind: EntryKind): Entry {
    return {
      type: 'entry',
      kind,
      source,
      root: root.index,
      rootName: root.name,
      path,
      mode: Number(info.mode) & 0o7777,
      size: info.isFile() ? Number(info.size) : 0,
      accessNs: info.atimeNs.toString(),
      modifiedNs: info.mtimeNs.toString(),
      id: idOf(info),
      uid: Number(info.uid),
      gid: Number(info.gid),
    }
  }
}
