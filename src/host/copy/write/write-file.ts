/** Writes one file of a copy, by its plan. */
import { closeSync, constants, fsync, open } from 'node:fs'
import { promisify } from 'node:util'
import { canSyncFileSystem } from '../../ffi/file-calls.ts'
import { errorCode } from '../../../base/os-error-text.ts'
import { nativePath } from '../../fs/native-path.ts'
import { COPY_SYNC_BYTES } from '../../limits.ts'
import { finalMode, finalOwner, setEntryTimes, setFileAttributes } from '../attributes.ts'
import type { AttributeOptions } from '../attributes.ts'
import { Contents } from './contents.ts'
import type { WriteMode } from './contents.ts'
import type { Leftovers } from '../leftovers.ts'
import type { Entry, FileEnd, Report } from '../messages.ts'
import type { PendingFiles } from './pending.ts'
import { createTemporary, openNew, overwriting, planFile } from './plan-file.ts'
import type { FilePlan, StagedPlan } from './plan-file.ts'
import { failure, note } from '../texts.ts'

const [fsyncAsync, openAsync] = [promisify(fsync), promisify(open)]

/** What writing a file needs. */
export type FileContext = {
  /** Whether nothing can be there, and no other process looks. */
  isFresh: boolean
  attributes: AttributeOptions
  /** How files are written. */
  mode: WriteMode
  leftovers: Leftovers
  pending: PendingFiles
  /** The directory for temporary files that cannot be beside the target. */
  elsewhere: string
  /** The target's path for messages. */
  displayed: string
  report(report: Report): void
  copied(): void
}

/** A file while it arrives. After a failure, which is reported, the rest of it is ignored. */
export type FileWriter = {
  /** Resolves when there is room for more; undefined: there is. The bytes must not be changed before they are written. */
  write(bytes: Uint8Array): Promise<void> | undefined
  /** Takes all bytes of a small file. */
  writeWhole(bytes: Uint8Array): undefined
  skip(length: number): Promise<void> | undefined
  end(end: FileEnd): Promise<void> | undefined
  discard(): void
}

const DAMAGED = 'arrived damaged: its checksum is another'

/**
 * Opens the file at `place`.
 * @throws {Refusal} or the operating system's error
 */
export async function openFileWriter(entry: Entry, place: string, context: FileContext): Promise<FileWriter> {
  if (context.isFresh) return freshFile(entry, place, context)
  const plan = planFile(place)
  return plan.how === 'stream' ? streamed(plan, context) : replacing(entry, plan, context)
}

/** Guards the writes of a file: the first failure is reported and ends it. */
function guarded(
  contents: Contents,
  { report, displayed }: FileContext,
  complete: (end: FileEnd) => Promise<void> | undefined,
  release: () => void,
): FileWriter {
  let isOver = false
  const giveUp = (error: unknown): undefined => {
    if (isOver) return
    discard()
    report(failure('destination', displayed, error))
  }
  const discard = (): void => {
    if (isOver) return
    isOver = true
    release()
  }
  const attempt = (call: () => Promise<void> | undefined): Promise<void> | undefined => {
    if (isOver) return undefined
    try {
      return call()?.catch(giveUp)
    } catch (error) {
      return giveUp(error)
    }
  }
  return {
    write: (bytes) => attempt(() => contents.write(bytes)),
    writeWhole: (bytes) => void attempt(() => void contents.writeWhole(bytes)),
    skip: (length) => attempt(() => contents.skip(length)),
    end: (end) =>
      attempt(() => {
        const finish = (isWhole: boolean): Promise<void> | undefined => (isWhole ? complete(end) : giveUp(DAMAGED))
        const isWhole = contents.end(end)
        return typeof isWhole === 'boolean' ? finish(isWhole) : isWhole.then(finish)
      }),
    discard,
  }
}

/** A file in a new tree: at its own name already. */
function freshFile(entry: Entry, place: string, context: FileContext): FileWriter {
  const { attributes, leftovers } = context
  const mode = finalMode(entry, undefined, attributes)
  const fd = openNew(place, mode)
  const contents = new Contents(fd, context.mode)
  let isOpen = true
  const finish = (): void => {
    isOpen = false
    closeSync(fd)
    if (attributes.preserve) setEntryTimes(place, entry)
    context.copied()
  }
  const release = (): void => {
    if (isOpen) contents.close()
    leftovers.remove(place)
  }
  setFileAttributes(fd, mode, mode & ~attributes.umask, finalOwner(entry, undefined, attributes))
  return guarded(
    contents,
    context,
    () => {
      if (contents.size < COPY_SYNC_BYTES && canSyncFileSystem()) return void finish()
      return fsyncAsync(fd).then(finish)
    },
    release,
  )
}

/** A file that may replace another. */
function replacing(entry: Entry, planned: StagedPlan, context: FileContext): FileWriter {
  const { attributes, leftovers, pending, report, displayed } = context
  const mode = finalMode(entry, planned.existing, attributes)
  const { plan, path, fd } = createTemporary(planned, mode, context.elsewhere)
  leftovers.add(path)
  const contents = new Contents(fd, context.mode)
  const release = (): void => {
    contents.close()
    if (plan.how === 'overwrite') closeSync(plan.fd)
    leftovers.remove(path)
  }
  try {
    if (plan.how === 'rename')
      setFileAttributes(fd, mode, mode & ~attributes.umask, finalOwner(entry, plan.existing, attributes))
  } catch (error) {
    release()
    if (plan.existing === undefined || errorCode(error) !== 'EPERM') throw error
    return replacing(entry, overwriting(plan.target, plan.existing, 'a new file would have another owner'), context)
  }
  const published = (why: string | undefined): void => {
    if (why !== undefined) report(note('destination', displayed, `was overwritten where it is: ${why}`))
    else if ((plan.existing?.nlink ?? 1n) > 1n)
      report(note('destination', displayed, 'had other names, which keep the previous contents'))
    if (why !== undefined && attributes.preserve) setEntryTimes(plan.target, entry)
    context.copied()
  }
  const complete = (): Promise<void> | undefined => {
    if (plan.how === 'rename' && attributes.preserve) setEntryTimes(path, entry)
    const failed = (error: unknown): void => report(failure('destination', displayed, error))
    return pending.add({ plan, path, fd, size: contents.size, published, failed })
  }
  return guarded(contents, context, complete, release)
}

/** A device, or a FIFO, which waits for its reader. */
async function streamed(
  { target, why }: Extract<FilePlan, { how: 'stream' }>,
  context: FileContext,
): Promise<FileWriter> {
  const fd = await openAsync(nativePath(target), constants.O_WRONLY | constants.O_NOCTTY)
  context.report(note('destination', context.displayed, `is written where it is: ${why}`))
  const complete = (): undefined => {
    closeSync(fd)
    context.copied()
  }
  const contents = new Contents(fd, 'stream')
  return guarded(contents, context, complete, () => contents.close())
}
