/** The reading end of a copy by the plain file methods: what they tell, as the messages of a copy. */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import { crc32 } from 'node:zlib'
import { DisconnectedError, ErrorCode, messageOf, RpcError } from '../../../../client/base/errors.ts'
import type { ExecClient, Metadata } from '../../../../client/base/types.ts'
import type { CopyOptions, Entry, Message } from '../../../../host/copy/messages.ts'
import { excluder } from '../../../../host/copy/patterns.ts'
import { failure } from '../../../../host/copy/texts.ts'
import type { DevboxShell } from './devbox-shell.ts'
import { PLAIN_ATTEMPTS } from '../../base/limits.ts'

type Messages = AsyncGenerator<Message, void, undefined>
type Found = { source: string; path: string; info: Metadata; mode: number }

const DIRECTORY_MODE = 0o777
const FILE_MODE = 0o666

/** Reads sources on a devbox. Links are followed: the methods tell too little of them. */
export class PlainReader {
  readonly #client: ExecClient
  readonly #shell: DevboxShell
  readonly #options: CopyOptions
  readonly #signal: AbortSignal
  readonly #isExcluded: (path: string) => boolean
  #root = { index: 0, name: '' }

  constructor(client: ExecClient, shell: DevboxShell, options: CopyOptions, signal: AbortSignal) {
    this.#client = client
    this.#shell = shell
    this.#options = options
    this.#signal = signal
    this.#isExcluded = excluder(options.exclude)
  }

  /** Yields everything below the sources. */
  async *read(sources: readonly string[]): Messages {
    yield { type: 'roots', machine: '', count: sources.length }
    for (const [index, source] of sources.entries()) {
      const name = posix.basename(source)
      this.#root = { index, name: name === '.' || name === '..' ? '' : name }
      yield* this.#attempt(source, () => this.#readRoot(source))
    }
    yield { type: 'finish' }
  }

  /** Failures of one entry are reported, those of everything are thrown. */
  async *#attempt(source: string, read: () => Messages): Messages {
    try {
      yield* read()
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!(error instanceof RpcError)) throw error
      yield failure('source', source, messageOf(error))
    }
  }

  async *#readRoot(source: string): Messages {
    const info = await this.#look(source)
    if (info === undefined) return yield failure('source', source, 'No such file or directory')
    if (info.isDirectory && !this.#options.recursive)
      return yield failure('source', source, 'is a directory; -r copies it')
    const modes = info.isFile ? await this.#shell.modesOf([source]) : undefined
    yield* this.#readEntry({ source, path: '', info, mode: modes?.get(source) ?? FILE_MODE }, [])
  }

  async *#readEntry(found: Found, above: readonly string[]): Messages {
    const { info, source } = found
    if (info.isDirectory) yield* this.#readDirectory(found, above)
    else if (info.isFile || !this.#options.recursive) yield* this.#readFile(found)
    else yield failure('source', source, 'is neither a file nor a directory')
  }

  async *#readDirectory(found: Found, above: readonly string[]): Messages {
    const { source, path } = found
    const real = await this.#client.fs.canonicalize(source).catch(() => source)
    if (above.includes(real)) return yield failure('source', source, 'leads back to a directory above it')
    yield this.#entry({ ...found, mode: DIRECTORY_MODE }, 'directory')
    const entries = await this.#client.fs.readDirectory(source)
    const files = entries.filter(({ isFile }) => isFile).map(({ fileName }) => posix.join(source, fileName))
    const modes = await this.#shell.modesOf(files)
    for (const { fileName } of entries) {
      const [below, child] = [posix.join(path, fileName), posix.join(source, fileName)]
      if (this.#isExcluded(below)) continue
      yield* this.#attempt(child, () => this.#readChild(child, below, modes.get(child), [...above, real]))
    }
  }

  async *#readChild(source: string, path: string, mode: number | undefined, above: readonly string[]): Messages {
    const info = await this.#look(source)
    if (info === undefined) yield failure('source', source, 'is a link that leads nowhere')
    else yield* this.#readEntry({ source, path, info, mode: mode ?? FILE_MODE }, above)
  }

  async #look(path: string): Promise<Metadata | undefined> {
    this.#signal.throwIfAborted()
    try {
      return await this.#client.fs.getMetadata(path, { signal: this.#signal })
    } catch (error) {
      if (error instanceof RpcError && error.code === ErrorCode.NotFound) return undefined
      throw error
    }
  }

  /** After a lost connection the file goes on where it was, and its checksum is compared; if it has changed, anew. */
  async *#readFile(found: Found): Messages {
    if (this.#options.dryRun) return yield this.#entry(found, 'file')
    for (let attempt = 1; ; attempt++) {
      const hash = createHash('sha256')
      const state = { crc: 0, size: 0, breaks: 0 }
      yield this.#entry(found, 'file')
      for await (const bytes of this.#bytesOf(found, state)) {
        hash.update(bytes)
        state.crc = crc32(bytes, state.crc)
        state.size += bytes.length
        yield { type: 'data', bytes }
      }
      if (state.breaks === 0 || (await hasChecksum(this.#client, found.source, hash.digest('hex'))))
        return yield { type: 'end', crc: state.crc, size: state.size }
      yield { type: 'broken' }
      if (attempt >= PLAIN_ATTEMPTS) return yield failure('source', found.source, 'changes while it is read')
    }
  }

  async *#bytesOf(
    { source }: Found,
    state: { size: number; breaks: number },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      try {
        return yield* this.#client.fs.readStream(source, { offset: state.size, signal: this.#signal })
      } catch (error) {
        if (!isBreak(error, this.#client) || ++state.breaks >= PLAIN_ATTEMPTS) throw error
      }
    }
  }

  #entry({ source, path, info, mode }: Found, kind: 'file' | 'directory'): Entry {
    const modifiedNs = `${Math.trunc(info.modifiedAtMs)}000000`
    return {
      type: 'entry',
      kind,
      source,
      root: this.#root.index,
      rootName: this.#root.name,
      path,
      mode,
      size: info.isFile ? Math.max(0, info.size) : 0,
      accessNs: modifiedNs,
      modifiedNs,
      id: '',
      uid: 0,
      gid: 0,
    }
  }
}

/** Whether a call failed for a lost connection that can be made anew. */
export const isBreak = (error: unknown, client: ExecClient): boolean =>
  error instanceof DisconnectedError && client.state !== 'closed'

/** Compares a file on the devbox with a checksum. Where the devbox has no program for that, it is taken as right. */
export async function hasChecksum(client: ExecClient, path: string, sha256: string): Promise<boolean> {
  try {
    const { exitCode, stdout } = await client.run({ argv: ['sha256sum', '--', path] })
    return exitCode === 0 && new TextDecoder().decode(stdout).replace(/^\\/, '').startsWith(sha256)
  } catch (error) {
    if (error instanceof RpcError) return true
    throw error
  }
}
