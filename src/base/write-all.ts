/** Writes that are complete: a single write may be partial. */
import { writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { errorCode } from './os-error-text.ts'

/** Writes all bytes synchronously. `write` returns how many bytes it wrote. */
export function writeAll(fd: number, bytes: Uint8Array, write: typeof writeSome = writeSome): void {
  for (let at = 0; at < bytes.length; ) at += write(fd, bytes, at)
}

const writeSome = (fd: number, bytes: Uint8Array, at: number): number => writeSync(fd, bytes, at)

/**
 * Writes all bytes to an open file, from byte offset `position`, or from the file's current position.
 * @throws the operating system's error
 */
export async function writeAllTo(file: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const to = position === undefined ? null : position + at
    at += (await file.write(bytes, at, bytes.length - at, to)).bytesWritten
  }
}

/** Pause before a retry on a descriptor that another process has made non-blocking, in ms. */
const RETRY_MS = 2

/** Repeats a read or write while it fails with EAGAIN. Blocks meanwhile. */
export function retryOnEagain(call: () => number): number {
  for (;;) {
    try {
      return call()
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    }
  }
}

/** Writes text synchronously, also to a descriptor in non-blocking mode. */
export function writeText(fd: number, text: string): void {
  writeAll(fd, Buffer.from(text), (to, bytes, at) => retryOnEagain(() => writeSync(to, bytes, at)))
}
