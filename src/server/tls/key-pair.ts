/** A certificate and its private key, read from files that only this user and root can have made. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { readTrusted } from '../../base/read-trusted.ts'
import { reasonOf } from '../../base/os-error-text.ts'

/** Paths of PEM files: a certificate with those that it is signed by, and its private key. */
export type KeyPairFiles = { certificate: string; key: string }

/** PEM texts that belong together, and what clients see of the certificate. */
export type KeyPair = {
  certificate: string
  key: string
  /** SHA-256 of the certificate, as pairs of hexadecimal digits with colons. */
  fingerprint: string
  expires: Date
}

/** Far larger than any chain of certificates; keeps a wrong path, such as a device, from being read without end. */
const MAX_BYTES = 1024 * 1024

/** TLS 1.0 and 1.1 are broken, and every client has 1.2. */
export const MIN_TLS_VERSION = 'TLSv1.2'

/**
 * Reads and checks a pair.
 * @throws {Error} which names the file, and says what is wrong with it
 */
export function readKeyPair(files: KeyPairFiles): KeyPair {
  const certificate = readText(files.certificate)
  const key = readText(files.key)
  const parsed = within(`${files.certificate} holds no certificate in PEM`, () => new X509Certificate(certificate))
  const privateKey = within(`${files.key} holds no private key in PEM, or an encrypted one`, () =>
    createPrivateKey(key),
  )
  if (!parsed.checkPrivateKey(privateKey)) throw new Error(`${files.key} is not the key of ${files.certificate}`)
  within(`${files.certificate} cannot be used`, () =>
    createSecureContext({ cert: certificate, key, minVersion: MIN_TLS_VERSION }),
  )
  return { certificate, key, fingerprint: parsed.fingerprint256, expires: new Date(parsed.validTo) }
}

function readText(path: string): string {
  try {
    return Buffer.from(readTrusted(path, MAX_BYTES)).toString()
  } catch (error) {
    throw new Error(`cannot read ${path}: ${reasonOf(error)}`)
  }
}

function within<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`)
  }
}
