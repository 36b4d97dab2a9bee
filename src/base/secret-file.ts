/** Reads secrets from files at startup. The error messages are the reference's. */
import { errorCode, osErrorText } from './os-error-text.ts'
import { readTrusted } from './read-trusted.ts'
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
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readTrusted(path, MAX_BYTES))
  } catch (error) {
    const code = errorCode(error)
    const reason =
      code === undefined || code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? (error as Error).message : osErrorText(code)
    throw new UsageError(`failed to read websocket auth secret ${path}: ${reason}`, 1)
  }
}
