import type { FileHandle } from 'node:fs/promises'

/**
 * Writes all bytes: a single write may be partial.
 * @throws the operating system's error
 */
export async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten
}
