/** Files that are complete under temporary names: synced together, then renamed. */
import { closeSync, fstatSync, fsync, fsyncSync, openSync, renameSync } from 'node:fs'
import { posix } from 'node:path'
import { promisify } from 'node:util'
import { errorCode } from '../../../base/os-error-text.ts'
import { syncFileSystem } from '../../ffi/file-calls.ts'
import { nativePath } from '../../fs/native-path.ts'
import { COPY_PENDING_BYTES, COPY_PENDING_FILES } from '../../limits.ts'
import { overwrite } from './in-place.ts'
import type { Leftovers } from '../leftovers.ts'
import { overwriting } from './plan-file.ts'
import type { StagedPlan } from './plan-file.ts'

const fsyncAsync = promisify(fsync)

/** Fewer files than this are synced one by one: the file system may have much else to write. */
const SYNC_TOGETHER = 8

/** A complete file under a temporary name. */
export type PendingFile = {
  plan: StagedPlan
  path: string
  fd: number
  size: number
  /** Called when it is in its place. `why`: it was overwritten there. */
  published(why: string | undefined): void
  /** Called when it could not be put there; what was there is as before. */
  failed(error: unknown): void
}

/** Publishes complete files in batches. */
export class PendingFiles {
  readonly #leftovers: Leftovers
  #files: PendingFile[] = []
  #bytes = 0

  constructor(leftovers: Leftovers) {
    this.#leftovers = leftovers
  }

  /** Adds a file, whose descriptor is closed later. Resolves when there is room for more. */
  add(file: PendingFile): Promise<void> | undefined {
    this.#files.push(file)
    this.#bytes += file.size
    const isFull = this.#files.length >= COPY_PENDING_FILES || this.#bytes >= COPY_PENDING_BYTES
    return isFull ? this.flush() : undefined
  }

  /** Publishes all. Failures are passed to the files. */
  async flush(): Promise<void> {
    const files = this.#files
    if (files.length === 0) return
    // They stay among those that `abandon` closes until they are synced.
    const failures = await syncFiles(files)
    // Abandoned meanwhile.
    if (this.#files !== files) return
    this.#files = []
    this.#bytes = 0
    const directories = new Set<string>()
    for (const file of files) {
      try {
        const failure = failures.get(file)
        if (failure !== undefined) throw failure
        file.published(this.#publish(file))
        directories.add(posix.dirname(file.plan.target))
      } catch (error) {
        file.failed(error)
      } finally {
        closeSync(file.fd)
        this.#leftovers.remove(file.path)
      }
    }
    for (const directory of directories) syncDirectory(directory)
  }

  /** Closes all, unpublished. The temporary files are left to the Leftovers. */
  abandon(): void {
    for (const { fd, plan } of this.#files.splice(0)) {
      closeSync(fd)
      if (plan.how === 'overwrite') closeSync(plan.fd)
    }
    this.#files = []
  }

  /** Returns why it was overwritten, if it could not be renamed. */
  #publish({ plan, path, fd }: PendingFile): string | undefined {
    if (plan.how === 'overwrite') return finishOverwrite(fd, path, plan)
    try {
      renameSync(nativePath(path), nativePath(plan.target))
      this.#leftovers.release(path)
      return undefined
    } catch (error) {
      if (plan.existing === undefined) throw error
      const why = errorCode(error) === 'EBUSY' ? 'it is a mount point' : 'it cannot be replaced'
      return finishOverwrite(fd, path, overwriting(plan.target, plan.existing, why))
    }
  }
}

function finishOverwrite(from: number, staged: string, plan: Extract<StagedPlan, { how: 'overwrite' }>): string {
  const { fd: to, target, why } = plan
  try {
    overwrite({ from, staged, to, target })
  } finally {
    closeSync(to)
  }
  return why
}

/** Returns the errors. */
async function syncFiles(files: readonly PendingFile[]): Promise<Map<PendingFile, unknown>> {
  const failures = new Map<PendingFile, unknown>()
  const byDevice = Map.groupBy(files, ({ fd }) => fstatSync(fd).dev)
  for (const some of byDevice.values()) {
    if (some.length >= SYNC_TOGETHER && syncFileSystem((some[0] as PendingFile).fd)) continue
    await Promise.all(some.map((file) => fsyncAsync(file.fd).catch((error: unknown) => failures.set(file, error))))
  }
  return failures
}

/** Makes renames last. A directory that cannot be opened or synced is left to the system. */
export function syncDirectory(path: string): void {
  try {
    const fd = openSync(nativePath(path), 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch {}
}
