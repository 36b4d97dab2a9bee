/** Files that stay open between calls. */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { constants } from 'node:fs'
import type { OpenFile } from '../../core/base/host.ts'
import { invalidRequest } from '../../protocol/wire/errors.ts'
import type { OpenMode } from '../../protocol/schemas/fs.ts'
import { fileError } from '../os-error.ts'
import { writeAllTo } from '../../base/write-all.ts'
import { largeBuffer } from '../large-memory.ts'

const { O_RDONLY, O_WRONLY, O_CREAT, O_NONBLOCK } = constants

/** Open flags for a mode. Does not block on a FIFO, and does not truncate before the type is checked. */
export const openFlags = (mode: OpenMode): number => (mode === 'read' ? O_RDONLY : O_WRONLY | O_CREAT) | O_NONBLOCK

/**
 * Opens a regular file at `path`; error messages name it `shown`.
 * @throws RpcError (invalid request) for another kind of file; else an errno error
 */
export async function openAt(path: string | Buffer, shown: string, mode: OpenMode): Promise<FileHandle> {
  const file = await open(path, openFlags(mode))
  return await checked(file, shown, mode)
}

/**
 * Returns the file if it is a regular one, truncated in mode `replace`; otherwise closes it and throws.
 * @throws RpcError (invalid request) if it is not a regular file
 */
export async function checked(file: FileHandle, shown: string, mode: OpenMode): Promise<FileHandle> {
  try {
    if (!(await file.stat()).isFile()) throw invalidRequest(`path \`${shown}\` is not a file`)
    if (mode === 'replace') await file.truncate(0)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/**
 * Wraps an open file for the core. Offsets and lengths are in bytes; calls throw RpcError. `read` returns less than
 * `length` only at end of file.
 */
export function openFile(file: FileHandle): OpenFile {
  return {
    read: (offset, length) => answering(() => readAll(file, offset, length)),
    write: (offset, bytes) => answering(() => writeAllTo(file, bytes, offset)),
    close: () => file.close(),
  }
}

async function readAll(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = largeBuffer(length)
  let end = 0
  while (end < length) {
    const { bytesRead } = await file.read(bytes, end, length - end, offset + end)
    if (bytesRead === 0) break
    end += bytesRead
  }
  return bytes.subarray(0, end)
}

async function answering<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw fileError(error)
  }
}
