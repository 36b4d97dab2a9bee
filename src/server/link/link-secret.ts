/** Reads the secret that both ends of a reverse connection share. */
import { scrubSecretsFromEnv } from '../auth/authentication.ts'
import { readSecret } from '../../base/secret-file.ts'
import { UsageError } from '../../base/usage-error.ts'

/** The output size of HMAC-SHA-256. Who sees a proof could find a shorter secret by trying. */
const MIN_BYTES = 32

/**
 * The secret in a file. Removes variables of the environment that hold it.
 * @throws {UsageError} if it cannot be read, is too short, or others can change the file
 */
export function readLinkSecret(file: string): string {
  const secret = readSecret(file)
  if (Buffer.byteLength(secret) < MIN_BYTES)
    throw new UsageError(`the secret in ${file} must have ${MIN_BYTES} bytes or more`, 1, [
      'make one with: openssl rand -hex 32 > FILE',
    ])
  scrubSecretsFromEnv(secret)
  return secret
}
