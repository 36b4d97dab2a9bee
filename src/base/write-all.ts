import { writeSync } from 'node:fs'

/** Writes all bytes synchronously: a single write may be partial. `write` returns how many bytes it wrote. */
export function writeAll(fd: number, bytes: Uint8Array, write: typeof writeSome = writeSome): void {
  for (let at = 0; at < bytes.length; ) at += write(fd, bytes, at)
}

const writeSome = (fd: number, bytes: Uint8Array, at: number): number => writeSync(fd, bytes, at)
