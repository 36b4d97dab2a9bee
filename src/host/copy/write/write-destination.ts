/**
 * The writing end of a copy. Files are written under temporary names and renamed when they are complete and synced; a
 * new tree is built under a temporary name. Until then everything is as it was.
 */
import { linkSync, symlinkSync, renameSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { posix } from 'node:path'
import process from 'node:process'
import { encodeName } from '../../../protocol/schemas/path-uri.ts'
import { makeFifo } from '../../ffi/file-calls.ts'
import { nativePath } from '../../fs/native-path.ts'
import { currentUmask, finalMode, setEntryTimes, setLinkOwner } from '../attributes.ts'
import type { AttributeOptions } from '../attributes.ts'
import type { WriteMode } from './contents.ts'
import { lookAtDestination, Target } from './destination.ts'
import { Leftovers, temporaryBeside } from '../leftovers.ts'
import { idOf, machineId } from '../machine.ts'
import { COPY_VERSION, CopyError } from '../messages.ts'
import type { CopyOptions, Entry, Hello, Message, Report, Roots, SmallFile } from '../messages.ts'
import { PendingFiles } from './pending.ts'
import { lookAt, lookThrough, Refusal } from './plan-file.ts'
import { failure } from '../texts.ts'
import { openFileWriter } from './write-file.ts'
import type { FileWriter } from './write-file.ts'

/** Where a writing end reports what it does. */
export type WriteEvents = {
  report(report: Report): void
  /** Called with the source and the final path of each entry that is in its place, or would be. */
  copied(source: string, destination: string): void
}

/** The writing end of one copy. */
export class DestinationWriter {
  readonly #destination: string
  readonly #options: CopyOptions
  readonly #events: WriteEvents
  readonly #mode: WriteMode
  readonly #isDirectory: boolean
  readonly #directories: readonly string[]
  readonly #leftovers = new Leftovers()
  readonly #pending = new PendingFiles(this.#leftovers)
  readonly #targets = new Map<number, Target>()
  #attributes: AttributeOptions
  #isSameMachine = false
  #file: FileWriter | undefined
  #current: Target | undefined

  constructor(destination: string, options: CopyOptions, events: WriteEvents, mode: WriteMode = 'background') {
    this.#destination = destination
    this.#options = options
    this.#events = events
    this.#mode = mode
    const { isDirectory, directories } = lookAtDestination(destination)
    this.#isDirectory = isDirectory
    this.#directories = directories
    this.#attributes = { preserve: options.preserve, keepsOwner: false, umask: currentUmask() }
  }

  hello(): Hello {
    return { type: 'hello', version: COPY_VERSION, machine: machineId(), directories: this.#directories }
  }

  /**
   * Takes the next message of the reading end.
   * @throws {CopyError} for a destination that cannot be
   */
  take(message: Message): Promise<void> | undefined {
    switch (message.type) {
      case 'data':
        return this.#file?.write(message.bytes)
      case 'hole':
        return this.#file?.skip(message.length)
      case 'end': {
        const file = this.#file
        this.#file = undefined
        return file?.end(message)
      }
      case 'broken':
        this.#file?.discard()
        this.#file = undefined
        return undefined
      case 'entry':
        return this.#takeEntry(message)
      case 'small':
        return this.#takeSmall(message)
      case 'roots':
        this.#takeRoots(message)
        return undefined
      case 'finish':
        return this.#publishTarget()
      default:
        return undefined
    }
  }

  /** Removes what is incomplete. Synchronous; nothing may be taken afterwards. */
  abandon(): void {
    this.#file?.discard()
    this.#file = undefined
    this.#pending.abandon()
    this.#leftovers.removeAll()
  }

  #takeRoots({ machine, count }: Roots): void {
    this.#isSameMachine = machine === machineId()
    const keepsOwner = this.#isSameMachine && process.geteuid?.() === 0
    this.#attributes = { ...this.#attributes, keepsOwner }
    const needsDirectory = count > 1 || (this.#destination.endsWith('/') && !this.#options.recursive)
    if (needsDirectory && !this.#isDirectory) throw new CopyError(`${this.#destination} is no directory`)
  }

  async #takeEntry(entry: Entry): Promise<void> {
    // What is left of a file that did not end: a fault of the other side.
    this.#file?.discard()
    this.#file = undefined
    if (entry.path === '' && !(await this.#openTarget(entry))) return
    const target = this.#targets.get(entry.root)
    if (target === undefined || target.isClosed(entry.path)) return
    try {
      await this.#write(entry, target)
    } catch (error) {
      if (entry.kind === 'directory') target.close(entry.path)
      this.#failed(target.finalPlaceOf(entry.path), error)
    }
  }

  async #takeSmall({ entry, crc, bytes }: SmallFile): Promise<void> {
    await this.#takeEntry(entry)
    const file = this.#file
    this.#file = undefined
    if (file === undefined) return
    if (bytes.length > 0) file.writeWhole(bytes)
    await file.end({ type: 'end', crc, size: bytes.length })
  }

  #failed(path: string, error: unknown): void {
    this.#events.report(failure('destination', path, error instanceof Refusal ? error.message : error))
  }

  /** The name of a source decides where it goes. Returns false if another source has gone there already. */
  async #openTarget({ root, rootName, source }: Entry): Promise<boolean> {
    await this.#publishTarget()
    const path = this.#isDirectory
      ? posix.join(this.#destination, rootName)
      : this.#destination.replace(/(?<=.)\/+$/, '')
    if (rootName !== '' && [...this.#targets.values()].some((target) => target.path === path)) {
      this.#events.report(failure('source', source, `has the name of another source: ${rootName}`))
      return false
    }
    this.#current = new Target(path, this.#leftovers)
    this.#targets.set(root, this.#current)
    return true
  }

  async #publishTarget(): Promise<void> {
    await this.#pending.flush()
    const target = this.#current
    this.#current = undefined
    if (target === undefined || this.#options.dryRun) return
    try {
      target.publish(this.#attributes, (path, error) => this.#failed(path, error))
    } catch (error) {
      this.#failed(target.path, error)
    }
  }

  async #write(entry: Entry, target: Target): Promise<void> {
    const place = target.placeOf(entry.path)
    const existing = target.isFresh ? undefined : lookAt(place)
    if (existing !== undefined) {
      this.#refuseSameFile(entry, place)
      if (entry.kind !== 'directory') {
        if (this.#options.noClobber) return
        if (existing.isDirectory()) throw new Refusal('is a directory, which is not replaced')
      }
    }
    const copied = (): void => this.#events.copied(entry.source, target.finalPlaceOf(entry.path))
    if (this.#options.dryRun) {
      copied()
      // Nothing of it is there: its contents are not looked for.
      return
    }
    if (entry.kind === 'directory') target.addDirectory(entry)
    else if (entry.kind === 'file') return this.#openFile(entry, target, copied)
    else await this.#createSpecial(entry, target, place)
    copied()
  }

  async #openFile(entry: Entry, target: Target, copied: () => void): Promise<void> {
    this.#file = await openFileWriter(entry, target.placeOf(entry.path), {
      isFresh: target.isFresh,
      attributes: this.#attributes,
      mode: this.#mode,
      leftovers: this.#leftovers,
      pending: this.#pending,
      elsewhere: tmpdir(),
      displayed: target.finalPlaceOf(entry.path),
      report: (report) => this.#events.report(report),
      copied,
    })
  }

  #refuseSameFile({ id, source, kind }: Entry, place: string): void {
    if (!this.#isSameMachine) return
    const there = [lookAt(place), kind === 'link' ? undefined : lookThrough(place)]
    if (there.some((found) => found !== undefined && idOf(found) === id))
      throw new Refusal(`is the same file as ${source}`)
  }

  /** Links, further names and FIFOs: created under a temporary name, too, where something may be replaced. */
  async #createSpecial(entry: Entry, target: Target, place: string): Promise<void> {
    // The first name of a file must be in its place.
    await this.#pending.flush()
    const path = target.isFresh ? place : temporaryBeside(place)
    if (!target.isFresh) this.#leftovers.add(path)
    try {
      this.#create(entry, path)
      if (entry.kind !== 'hardLink' && this.#options.preserve) {
        if (this.#attributes.keepsOwner) setLinkOwner(path, entry)
        setEntryTimes(path, entry)
      }
      if (target.isFresh) return
      renameSync(nativePath(path), nativePath(place))
    } finally {
      // A rename onto another name of the same file leaves both.
      if (!target.isFresh) this.#leftovers.remove(path)
    }
  }

  #create(entry: Entry, path: string): void {
    if (entry.kind === 'link') symlinkSync(nativePath(entry.target ?? ''), nativePath(path))
    else if (entry.kind === 'hardLink') {
      const first = this.#targets.get(entry.targetRoot ?? entry.root)?.placeOf(entry.target ?? '')
      if (first === undefined) throw new Refusal('its first name was not copied')
      linkSync(nativePath(first), nativePath(path))
    } else if (!makeFifo(Buffer.from(encodeName(path)), finalMode(entry, undefined, this.#attributes)))
      throw new Refusal('a FIFO cannot be created')
  }
}
