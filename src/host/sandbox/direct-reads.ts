/**
 * Reads under a sandbox that lets everything be read: in this process, without a helper. Not on a process file system: there
 * they would show this process, where a sandboxed one sees itself.
 */
import type { Files } from '../../core/base/host.ts'
import { discover } from '../../core/capabilities/capability-discovery.ts'
import { fileFailure } from '../fs/file-failure.ts'
import { files, readFile } from '../fs/files.ts'
import { nativePath } from '../fs/native-path.ts'
import { openAt, openFile } from '../fs/open-file.ts'
import { cameThroughProc, isOnProc, leadsThroughProc } from '../fs/proc-paths.ts'
import { walk } from '../fs/walk.ts'
import { fileError } from '../os-error.ts'

/** The path, or the open file, is one for the helper. */
class OnProcError extends Error {}

const NOTHING: ReadonlySet<string> = new Set()

/** The file calls of a sandbox whose `helper` may read everything. */
export function withDirectReads(helper: Files): Files {
  /** Runs `direct`, or `inHelper` if the path leads to a process file system. */
  const either = async <T>(path: string, direct: () => Promise<T>, inHelper: () => Promise<T>): Promise<T> => {
    if (await leadsThroughProc(path)) return inHelper()
    try {
      return await direct()
    } catch (error) {
      if (error instanceof OnProcError) return inHelper()
      throw await fileFailure(error, [path])
    }
  }
  const reads: Files = {
    ...helper,
    readFile: (path, options) =>
      either(
        path,
        () => readFile(path, options, refuseProc),
        () => helper.readFile(path, options),
      ),
    getMetadata: (path, options) =>
      either(
        path,
        () => files.getMetadata(path, options),
        () => helper.getMetadata(path, options),
      ),
    readDirectory: (path) =>
      either(
        path,
        () => files.readDirectory(path),
        () => helper.readDirectory(path),
      ),
    canonicalize: (path) =>
      either(
        path,
        () => files.canonicalize(path),
        () => helper.canonicalize(path),
      ),
    walk: (path, options) =>
      either(
        path,
        () => walkOutsideProc(path, options),
        () => helper.walk(path, options),
      ),
    open: (path, mode) =>
      mode === 'read'
        ? either(
            path,
            () => openOutsideProc(path),
            () => helper.open(path, mode),
          )
        : helper.open(path, mode),
    discover: async (root, bounds) => {
      try {
        return await discover(root, reads, bounds)
      } catch (error) {
        throw fileError(error)
      }
    },
  }
  return reads
}

async function refuseProc({ fd }: { fd: number }): Promise<void> {
  if (await cameThroughProc(fd)) throw new OnProcError()
}

async function openOutsideProc(path: string): ReturnType<Files['open']> {
  const file = await openAt(nativePath(path), path, 'read')
  try {
    await refuseProc(file)
    return openFile(file)
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Walks, and gives up if that has come to a process file system. */
async function walkOutsideProc(...[path, options]: Parameters<Files['walk']>): ReturnType<Files['walk']> {
  let isOutside = true
  const result = await walk(path, options, async (directory) => {
    if (!(await isOnProc(nativePath(directory)))) return NOTHING
    isOutside = false
    throw new OnProcError()
  })
  if (!isOutside) throw new OnProcError()
  return result
}
