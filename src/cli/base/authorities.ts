/** Whom the commands trust when they connect over wss://. */
import { X509Certificate } from 'node:crypto'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { readTrusted } from '../../base/read-trusted.ts'
import { reasonOf } from '../../base/os-error-text.ts'
import { UsageError } from '../../base/usage-error.ts'
import { extraAuthorities } from '../../host/http/http-certificates.ts'

/** Far larger than a system's whole store. */
const MAX_BYTES = 4 * 1024 * 1024

const PEM = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----/

/**
 * The certificates in the file of --tls-ca.
 * @throws {UsageError} if it cannot be read, others can change it, or it holds none
 */
export function readAuthorities(path: string): string {
  try {
    const text = Buffer.from(readTrusted(path, MAX_BYTES)).toString()
    if (!PEM.test(text)) throw new Error('it holds no certificate in PEM')
    // Throws for the first if it is damaged.
    void new X509Certificate(text)
    return text
  } catch (error) {
    throw new UsageError(`cannot use ${path} of --tls-ca: ${reasonOf(error)}`, 1)
  }
}

/**
 * Adds the certificates that this machine trusts to those of the runtime: Codex goes by the machine's. The executable's
 * entry has hidden NODE_EXTRA_CA_CERTS from the runtime, which would complain on stderr.
 */
export function trustSystem(): void {
  const all = [...getCACertificates('default'), ...getCACertificates('system'), ...extraAuthorities()]
  setDefaultCACertificates([...new Set(all)])
}
