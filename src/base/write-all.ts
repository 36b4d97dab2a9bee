import { writeSync } from 'node:fs'

/** One write may take less than it is given. */
export function writeAll(fd: number, bytes: Uint8Array, write: typeof writeSome = writeSome): void {
  for (let at = 0; at < bytes.length; ) at += write(fd, bytes, at)
}

const writeSome = (fd: number, bytes: Uint8Array, at: number): number => writeSync(fd, bytes, at)
