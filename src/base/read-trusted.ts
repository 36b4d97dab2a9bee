/** Reads a whole file that this program is given. */
import { closeSync, constants, readSync } from 'node:fs'
import { openTrusted } from './trusted-file.ts'

/**
 * The bytes of a file that only this user and root can have changed. Also works on a pipe, such as a shell's `<(…)`.
 * @throws Error with the reason, {@link UntrustedFileError} among others, or the operating system's error
 */
export function readTrusted(path: string, maxBytes: number): Uint8Array {
  const { fd } = openTrusted(path, constants.O_RDONLY)
  try {
    const buffer = new Uint8Array(maxBytes + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(fd, buffer, length, buffer.length - length, null)
    }
    if (length > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`)
    return buffer.subarray(0, length)
  } finally {
    closeSync(fd)
  }
}
