/**
 * Passes bytes to a child as a descriptor that it can read or execute: a memfd where possible, else an unlinked
 * temporary file.
 */
import { closeSync, constants, openSync, unlinkSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { closeDescriptor, openMemoryFile } from './libc.ts'
import { errorCode } from '../../base/os-error-text.ts'
import { writeAll } from '../../base/write-all.ts'

/**
 * Returns a read-only descriptor at offset 0, which the caller closes.
 * @throws an errno error
 */
export function openMemfd(bytes: Uint8Array): number {
  const memory = openMemoryFile('exec-server')
  if (memory === undefined) return openTemporary(bytes)
  // Reopened by name: a runtime may accept only descriptors that it opened itself.
  const path = `/proc/self/fd/${memory}`
  try {
    writeAndClose(openSync(path, constants.O_WRONLY), bytes)
    return openSync(path, constants.O_RDONLY)
  } catch (error) {
    // Without /proc it has no name.
    if (errorCode(error) !== 'ENOENT') throw error
    return openTemporary(bytes)
  } finally {
    closeDescriptor(memory)
  }
}

function openTemporary(bytes: Uint8Array): number {
  const path = join(tmpdir(), `.exec-server-${randomUUID()}`)
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o700)
  try {
    writeAndClose(fd, bytes)
    return openSync(path, constants.O_RDONLY)
  } finally {
    unlinkSync(path)
  }
}

function writeAndClose(fd: number, bytes: Uint8Array): void {
  try {
    writeAll(fd, bytes)
  } finally {
    closeSync(fd)
  }
}
