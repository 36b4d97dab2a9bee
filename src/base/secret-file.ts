/** Reads secrets from files at startup. The error messages are the reference's. */
import { closeSync, constants, readSync } from 'node:fs'
import { errorCode, osErrorText } from './os-error-text.ts'
import { openTrusted } from './trusted-file.ts'
import { UsageError } from './usage-error.ts'

/** Far larger than any secret; keeps a wrong path, such as a device, from being read without end. */
const MAX_BYTES = 64 * 1024

/**
 * The trimmed text of a file.
 * @throws {UsageError} if it is unreadable, empty, not UTF-8, larger than 64 KiB, or others can change it
 */
export function readSecret(path: string): string {
  const secret = readText(path).trim()
  if (secret === '') throw new UsageError(`websocket auth secret ${path} must not be empty`, 1)
  return secret
}

function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readBytes(path))
  } catch (error) {
    const code = errorCode(error)
    const reason =
      code === undefined || code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? (error as Error).message : osErrorText(code)
    throw new UsageError(`failed to read websocket auth secret ${path}: ${reason}`, 1)
  }
}

/** Also works on a pipe, such as a shell's `<(…)`. */
function readBytes(path: string): Uint8Array {
  const { fd } = openTrusted(path, constants.O_RDONLY)
  try {
    const buffer = new Uint8Array(MAX_BYTES + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(fd, buffer, length, buffer.length - length, null)
    }
    if (length > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`)
    return buffer.subarray(0, length)
  } finally {
    closeSync(fd)
  }
}
