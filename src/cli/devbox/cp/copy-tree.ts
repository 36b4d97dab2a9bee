/** Copies a file, or a directory with its contents, from one file system to another. */
import { basename, posix } from 'node:path'
import { messageOf, UnsupportedError } from '../../../client/base/errors.ts'
import { CommandError } from '../base/command-error.ts'
import { copyStream } from './copy-stream.ts'
import type { FileSystemAdapter, Found } from './file-system-adapter.ts'
import type { Progress } from './progress.ts'

/** Options of a copy: source and destination file systems, and where to report. */
export type TreeCopy = {
  from: FileSystemAdapter
  to: FileSystemAdapter
  isRecursive: boolean
  progress: Progress
  signal: AbortSignal
  /** Called for each entry that could not be copied; the copy continues. */
  failed(message: string): void
  /** Called when permissions could not be copied. */
  warn(message: string): void
}

/**
 * Looks up the source.
 * @throws {CommandError} if it is missing, or a directory without `isRecursive`
 */
export async function findSource(files: FileSystemAdapter, source: string, isRecursive: boolean): Promise<Found> {
  const found = await files.find(source)
  if (found === undefined) throw new CommandError(`${source}: No such file or directory`, 1)
  if (found.kind === 'directory' && !isRecursive) throw new CommandError(`${source} is a directory; -r copies it`, 1)
  return found
}

type Copied = { source: string; destination: string }

/**
 * Copies `source` to `destination`, then the execute permissions of the files that were copied.
 * @throws for errors that affect the whole copy: a lost connection, an abort, an invalid source. Others go to `failed`
 */
export async function copyTree(copy: TreeCopy, source: string, destination: string): Promise<void> {
  const found = await findSource(copy.from, source, copy.isRecursive)
  const copied: Copied[] = []
  try {
    if (found.kind === 'directory') await copyDirectory(copy, source, destination, [], copied)
    else await copyFile(copy, source, found, destination, copied)
  } finally {
    if (!copy.signal.aborted) await copyModes(copy, copied)
  }
}

async function copyFile(
  copy: TreeCopy,
  source: string,
  { size, kind }: Found,
  destination: string,
  copied: Copied[],
): Promise<void> {
  const { from, to, progress, signal } = copy
  if ((await to.find(destination))?.kind === 'directory') throw new CommandError(`${destination} is a directory`, 1)
  progress.begin(basename(source), size)
  await copyStream(from.read(source), to, destination, progress, signal)
  if (kind === 'file') copied.push({ source, destination })
}

/** `ancestors` are the real paths of the parent directories, to detect symlink cycles. */
async function copyDirectory(
  copy: TreeCopy,
  source: string,
  destination: string,
  ancestors: readonly string[],
  copied: Copied[],
): Promise<void> {
  const { from, to, signal, failed } = copy
  const real = await from.realPath(source).catch(() => source)
  if (ancestors.includes(real)) throw new CommandError(`${source} leads back to ${real}`, 1)
  const there = await to.find(destination)
  if (there === undefined) await to.makeDirectory(destination)
  else if (there.kind !== 'directory') throw new CommandError(`${destination} is no directory`, 1)
  for (const name of await from.names(source)) {
    signal.throwIfAborted()
    const [one, other] = [posix.join(source, name), posix.join(destination, name)]
    try {
      const found = await from.find(one)
      if (found === undefined) failed(`${one} is a link that leads nowhere`)
      else if (found.kind === 'directory') await copyDirectory(copy, one, other, [...ancestors, real], copied)
      else if (found.kind === 'file') await copyFile(copy, one, found, other, copied)
      else failed(`${one} is neither a file nor a directory`)
    } catch (error) {
      if (signal.aborted || isForAll(error)) throw error
      failed(error instanceof CommandError ? error.message : `${one}: ${messageOf(error)}`)
    }
  }
}

/** Whether every other file would fail with the same error. */
const isForAll = (error: unknown): boolean =>
  error instanceof Error && ['DisconnectedError', 'UnsupportedError'].includes(error.name)

async function copyModes({ from, to, warn }: TreeCopy, copied: readonly Copied[]): Promise<void> {
  try {
    const executable = new Set(await from.executablesOf(copied.map(({ source }) => source)))
    const destinations = copied.filter(({ source }) => executable.has(source)).map(({ destination }) => destination)
    if (destinations.length > 0) await to.makeExecutable(destinations)
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error
    warn(`which files may be executed was not carried over: ${error.message}`)
  }
}
