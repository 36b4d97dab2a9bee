/** The reading end of a copy: walks the sources and yields what is to be created, in order. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { posix } from 'node:path'
import { decodeName } from '../../../protocol/schemas/path-uri.ts'
import { errorCode } from '../../../base/os-error-text.ts'
import { nativePath } from '../../fs/native-path.ts'
import { countTotals } from './count-totals.ts'
import { idOf, machineId } from '../machine.ts'
import { CopyError } from '../messages.ts'
import type { CopyOptions, CopyRequest, Entry, EntryKind, Hello, Message } from '../messages.ts'
import { excluder, expandPattern, isPattern } from '../patterns.ts'
import { readContents, readSmall } from './read-file.ts'
import { failure } from '../texts.ts'

type Messages = AsyncGenerator<Message, void, undefined>

/** One source while it is read. */
type Root = { index: number; name: string; source: string }

type Found = { path: string; source: string; info: BigIntStats }

/** What is read, and from where on. */
export type ReadOptions = Pick<CopyRequest, 'sources' | 'glob' | 'options'>

/**
 * Yields everything below the sources. What cannot be read is reported, and the rest follows.
 * @throws the signal's reason
 */
export async function* readSources(request: ReadOptions, hello: Hello, signal: AbortSignal): Messages {
  const sources = request.sources.flatMap((source) => expand(source, request.glob))
  yield { type: 'roots', machine: machineId(), count: sources.length }
  const reader = new SourceReader(request.options, hello, signal)
  const totals = request.options.counts ? countTotals(sources, request.options, signal) : undefined
  for (const [index, source] of sources.entries()) {
    for await (const message of reader.read({ index, name: nameOf(source), source })) {
      const counted = totals?.news()
      if (counted !== undefined) yield counted
      yield message
    }
  }
  yield { type: 'finish' }
}

function expand(source: string, glob: boolean): string[] {
  if (!glob || !isPattern(source) || statOf(source, false) !== undefined) return [source]
  const found = expandPattern(source)
  return found.length === 0 ? [source] : found
}

/** The name to create in the destination. `.`, `..` and `/` have none: their contents are copied, as cp does. */
function nameOf(path: string): string {
  const name = posix.basename(path)
  return name === '..' || name === '.' ? '' : name
}

/** Undefined if nothing is there. */
function statOf(path: string, follow: boolean): BigIntStats | undefined {
  const options = { bigint: true, throwIfNoEntry: false } as const
  return follow ? statSync(nativePath(path), options) : lstatSync(nativePath(path), options)
}

class SourceReader {
  readonly #options: CopyOptions
  readonly #hello: Hello
  readonly #signal: AbortSignal
  readonly #isExcluded: (path: string) => boolean
  /** First names of files with several, by id. */
  readonly #linked = new Map<string, { root: number; path: string }>()

  constructor(options: CopyOptions, hello: Hello, signal: AbortSignal) {
    this.#options = options
    this.#hello = hello
    this.#signal = signal
    this.#isExcluded = excluder(options.exclude)
  }

  async *read(root: Root): Messages {
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
    this.#signal.throwIfAborted()
    if (error instanceof CopyError || errorCode(error) === undefined) throw error
    yield failure('source', path, error)
  }

  /** `above`: ids of the directories above, to find links that lead back. */
  async *#readEntry(root: Root, found: Found, above: readonly string[]): Messages {
    this.#signal.throwIfAborted()
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

  async *#readDirectory(root: Root, found: Found, above: readonly string[]): Messages {
    const { source, info } = found
    const id = idOf(info)
    if (this.#hello.machine === machineId() && this.#hello.directories.includes(id))
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

  async *#readChild(root: Root, path: string, source: string, above: readonly string[]): Messages {
    try {
      const info = statOf(source, this.#options.dereference)
      if (info !== undefined) return yield* this.#readEntry(root, { path, source, info }, above)
      // It may also have been removed meanwhile.
      if (statOf(source, false) !== undefined) yield failure('source', source, 'is a link that leads nowhere')
    } catch (error) {
      yield* this.#failed(source, error)
    }
  }

  async *#readFile(root: Root, found: Found): Messages {
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
      yield* readContents(fd, info, source, this.#signal)
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
