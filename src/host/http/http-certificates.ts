/** Trusted certificate authorities: this machine's, plus those that the environment adds. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { createSecureContext, getCACertificates, rootCertificates } from 'node:tls'
import type { SecureContext } from 'node:tls'

let context: SecureContext | undefined

/** Whatever NODE_TLS_REJECT_UNAUTHORIZED says: it is meant for the commands. */
export const VERIFIED = { rejectUnauthorized: true } as const

/**
 * Returns the TLS context, built once: the system's store (SSL_CERT_FILE and SSL_CERT_DIR may move it), or the
 * runtime's own list where there is none, plus NODE_EXTRA_CA_CERTS and CODEX_CA_CERTIFICATE (PEM files). As in the
 * runtime, a NODE_EXTRA_CA_CERTS that cannot be read is ignored.
 * @throws an errno error if CODEX_CA_CERTIFICATE cannot be read
 */
export function trust(): SecureContext {
  if (context !== undefined) return context
  const system = getCACertificates('system')
  const own = process.env['CODEX_CA_CERTIFICATE']
  const authorities = new Set(system.length > 0 ? system : rootCertificates)
  for (const extra of extraAuthorities()) authorities.add(extra)
  if (own) authorities.add(readFileSync(own, 'utf8'))
  context = createSecureContext({ ca: [...authorities] })
  return context
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** NODE_EXTRA_CA_CERTS. The runtime reads it only if the executable's entry has not hidden it. */
export function extraAuthorities(): string[] {
  const file = process.env['NODE_EXTRA_CA_CERTS']
  const known = getCACertificates('extra')
  if (!file || known.length > 0) return known
  try {
    return readFileSync(file, 'utf8').match(CERTIFICATE) ?? []
  } catch {
    return []
  }
}
