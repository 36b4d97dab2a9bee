/** Bytes as a descriptor that a child can read or run, on no file system where that is possible. */
import { closeSync, constants, openSync, unlinkSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { closeDescriptor, openMemoryFile } from './libc.ts'
import { writeAll } from '../../base/write-all.ts'

/** The descriptor stands at the first byte and is the caller's to close. */
export function openBlob(bytes: Uint8Array): number {
  const memory = openMemoryFile('exec-server')
  if (memory === undefined) return temporaryBlob(bytes)
  // Opened anew by name: a runtime may know only the descriptors that it opened itself.
  const path = `/proc/self/fd/${memory}`
  try {
    writeAndClose(openSync(path, constants.O_WRONLY), bytes)
    return openSync(path, constants.O_RDONLY)
  } finally {
    closeDescriptor(memory)
  }
}

function temporaryBlob(bytes: Uint8Array): number {
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
