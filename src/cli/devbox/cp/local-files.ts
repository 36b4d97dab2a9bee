/** The local file system. */
import { access, chmod, constants, mkdir, open, readdir, realpath, rm, stat } from 'node:fs/promises'
import process from 'node:process'
import { writeAllTo } from '../../../base/write-all.ts'
import { FILE_PIECE } from '../base/limits.ts'
import type { FileSystemAdapter } from './file-system-adapter.ts'

/** Local files, with the errors of `node:fs`. `makeExecutable` respects the umask. */
export const localFiles: FileSystemAdapter = {
  async find(path) {
    try {
      const found = await stat(path)
      return { kind: found.isDirectory() ? 'directory' : found.isFile() ? 'file' : 'other', size: found.size }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw error
    }
  },
  names: (directory) => readdir(directory),
  makeDirectory: async (path) => void (await mkdir(path)),
  async *read(path) {
    await using file = await open(path)
    for (;;) {
      // Allocate a new block each time: the previous one may still be queued for sending.
      const block = new Uint8Array(FILE_PIECE)
      const { bytesRead } = await file.read(block, 0, FILE_PIECE, null)
      if (bytesRead === 0) return
      yield block.subarray(0, bytesRead)
    }
  },
  async write(path) {
    const file = await open(path, 'w')
    return { write: (bytes) => writeAllTo(file, bytes), close: () => file.close(), abort: () => file.close() }
  },
  remove: (path) => rm(path, { force: true }),
  realPath: (path) => realpath(path),
  async executablesOf(paths) {
    const may = await Promise.all(
      paths.map((path) =>
        access(path, constants.X_OK).then(
          () => true,
          () => false,
        ),
      ),
    )
    return paths.filter((_, index) => may[index])
  },
  async makeExecutable(paths) {
    const bits = 0o111 & ~process.umask()
    for (const path of paths) await chmod(path, (await stat(path)).mode | bits)
  },
}
