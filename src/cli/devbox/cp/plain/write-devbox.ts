/** The writing end of a copy by the plain file methods. With a shell there, files are renamed when they are complete. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { posix } from 'node:path'
import { ErrorCode, messageOf, RpcError } from '../../../../client/base/errors.ts'
import type { ExecClient, Metadata } from '../../../../client/base/types.ts'
import { nativePath } from '../../../../host/fs/native-path.ts'
import { temporaryBeside } from '../../../../host/copy/leftovers.ts'
import { CopyError } from '../../../../host/copy/messages.ts'
import type { CopyOptions, Entry } from '../../../../host/copy/messages.ts'
import { failure, note, reasonText } from '../../../../host/copy/texts.ts'
import { FILE_PIECE, PLAIN_ATTEMPTS } from '../../base/limits.ts'
import type { CopyDisplay } from '../display.ts'
import type { DevboxShell } from './devbox-shell.ts'
import { hasChecksum, isBreak } from './read-devbox.ts'

/** Writes to one destination on a devbox. */
export class PlainWriter {
  readonly #client: ExecClient
  readonly #shell: DevboxShell
  readonly #options: CopyOptions
  readonly #display: CopyDisplay
  readonly #signal: AbortSignal
  readonly #destination: string
  #isDirectory = false

  constructor(
    client: ExecClient,
    shell: DevboxShell,
    destination: string,
    { options, display, signal }: { options: CopyOptions; display: CopyDisplay; signal: AbortSignal },
  ) {
    this.#client = client
    this.#shell = shell
    this.#destination = destination
    this.#options = options
    this.#display = display
    this.#signal = signal
  }

  /**
   * Looks at the destination, for so many sources.
   * @throws {CopyError} if it must be a directory and is none
   */
  async open(count: number): Promise<void> {
    this.#isDirectory = (await this.#look(this.#destination))?.isDirectory === true
    const needsDirectory = count > 1 || (this.#destination.endsWith('/') && !this.#options.recursive)
    if (needsDirectory && !this.#isDirectory) throw new CopyError(`${this.#destination} is no directory`)
  }

  /** Where an entry goes. */
  placeOf({ rootName, path }: Pick<Entry, 'rootName' | 'path'>): string {
    const base = this.#isDirectory ? posix.join(this.#destination, rootName) : this.#destination
    return posix.join(base, path)
  }

  /**
   * Writes a file or makes a directory; failures are reported.
   * @throws what ends the whole copy
   */
  async put(entry: Entry): Promise<void> {
    const place = this.placeOf(entry)
    try {
      const there = await this.#look(place)
      if (entry.kind === 'directory') await this.#makeDirectory(place, there)
      else if (there?.isDirectory === true) throw new CopyError('is a directory, which no file replaces')
      else if (there === undefined || !this.#options.noClobber) await this.#putFile(entry, place, there)
      else return
      this.#display.copied(entry.source, place)
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!(error instanceof RpcError || error instanceof CopyError)) throw error
      this.#display.report(failure('destination', place, messageOf(error)))
    }
  }

  async #look(path: string): Promise<Metadata | undefined> {
    try {
      return await this.#client.fs.getMetadata(path, { signal: this.#signal })
    } catch (error) {
      if (error instanceof RpcError && error.code === ErrorCode.NotFound) return undefined
      throw error
    }
  }

  async #makeDirectory(place: string, there: Metadata | undefined): Promise<void> {
    if (there !== undefined && !there.isDirectory) throw new CopyError('is no directory')
    if (there === undefined && !this.#options.dryRun) await this.#client.fs.createDirectory(place, { recursive: false })
  }

  async #putFile(entry: Entry, place: string, there: Metadata | undefined): Promise<void> {
    if (this.#options.dryRun) return
    if (!(await this.#shell.isThere())) return this.#send(entry, place)
    if (there !== undefined && !there.isFile) return this.#sendInPlace(entry, place, 'it is no regular file')
    // A link is followed, as by cp.
    const target = there?.isSymlink === true ? await this.#client.fs.canonicalize(place) : place
    const temporary = temporaryBeside(target)
    try {
      await this.#shell.create(temporary)
    } catch (error) {
      if (there === undefined || !(error instanceof CopyError)) throw error
      return this.#sendInPlace(entry, target, 'its directory takes no new file')
    }
    try {
      await this.#send(entry, temporary)
      await this.#shell.publish(temporary, target, entry.mode & 0o777)
    } catch (error) {
      await this.#client.fs.remove(temporary, { force: true }).catch(() => {})
      throw error
    }
  }

  #sendInPlace(entry: Entry, place: string, why: string): Promise<void> {
    this.#display.report(note('destination', place, `is written where it is: ${why}`))
    return this.#send(entry, place)
  }

  /** Sends the contents, after a lost connection anew and with a checksum: an open file is lost with its connection. */
  async #send(entry: Entry, path: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const sha256 = await this.#sendOnce(entry, path)
        if (attempt === 1 || (await hasChecksum(this.#client, path, sha256))) return
        throw new CopyError('arrived damaged: its checksum is another')
      } catch (error) {
        this.#signal.throwIfAborted()
        if (!isBreak(error, this.#client) || attempt >= PLAIN_ATTEMPTS) throw error
      }
    }
  }

  async #sendOnce({ source }: Entry, path: string): Promise<string> {
    const hash = createHash('sha256')
    const writer = this.#client.fs.writeStream(path, { signal: this.#signal }).getWriter()
    // Writes report its errors.
    writer.closed.catch(() => {})
    try {
      for await (const bytes of createReadStream(nativePath(source), { highWaterMark: FILE_PIECE })) {
        hash.update(bytes as Uint8Array)
        await writer.write(bytes as Uint8Array)
        this.#display.take({ type: 'data', bytes: bytes as Uint8Array })
      }
      await writer.close()
    } catch (error) {
      await writer.abort(error).catch(() => {})
      if (error instanceof Error && 'syscall' in error && !(error instanceof RpcError))
        throw new CopyError(`${source} cannot be read: ${reasonText(error)}`)
      throw error
    }
    return hash.digest('hex')
  }
}
