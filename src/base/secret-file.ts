/** Secrets in files, read once at the start. What is said of wrong ones is the reference's. */
import { closeSync, openSync, readSync } from 'node:fs'
import { errorCode, osErrorText } from './os-error-text.ts'
import { UsageError } from './usage-error.ts'

/** Far more than a secret has; a wrong path, to a device say, is not read for ever. */
const MAX_BYTES = 64 * 1024

/** A file's text without the white space around it, which must leave something. */
export function readSecret(path: string): string {
  const secret = readText(path).trim()
  if (secret === '') throw new UsageError(`Error: websocket auth secret ${path} must not be empty`, 1)
  return secret
}

function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readBytes(path))
  } catch (error) {
    const code = errorCode(error)
    const reason =
      code === undefined || code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? (error as Error).message : osErrorText(code)
    throw new UsageError(`Error: failed to read websocket auth secret ${path}: ${reason}`, 1)
  }
}

/** Also of a pipe, such as a shell's `<(…)`. */
function readBytes(path: string): Uint8Array {
  const fd = openSync(path, 'r')
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
