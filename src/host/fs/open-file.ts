/** Files that stay open. */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { constants } from 'node:fs'
import type { OpenFile } from '../../core/base/host.ts'
import { invalidRequest } from '../../protocol/wire/errors.ts'
import type { OpenMode } from '../../protocol/schemas/fs.ts'
import { fileError } from '../os-error.ts'

const { O_RDONLY, O_WRONLY, O_CREAT, O_NONBLOCK } = constants

/** Without waiting for the other end of a FIFO, nor emptying what turns out to be no file. */
export const openFlags = (mode: OpenMode): number => (mode === 'read' ? O_RDONLY : O_WRONLY | O_CREAT) | O_NONBLOCK

export async function openAt(path: string | Buffer, shown: string, mode: OpenMode): Promise<FileHandle> {
  const file = await open(path, openFlags(mode))
  return await checked(file, shown, mode)
}

/** The same file if it is a regular one, emptied if it is to be replaced; else it is closed. */
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

/** As the core knows it. */
export function openFile(file: FileHandle): OpenFile {
  return {
    read: (offset, length) => answering(() => readAll(file, offset, length)),
    write: (offset, bytes) => answering(() => writeAll(file, offset, bytes)),
    close: () => file.close(),
  }
}

async function readAll(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length)
  let end = 0
  while (end < length) {
    const { bytesRead } = await file.read(bytes, end, length - end, offset + end)
    if (bytesRead === 0) break
    end += bytesRead
  }
  return bytes.subarray(0, end)
}

async function writeAll(file: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await file.write(bytes, at, bytes.length - at, offset + at)).bytesWritten
  }
}

async function answering<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw fileError(error)
  }
}
