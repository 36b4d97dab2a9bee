/** Trusted certificate authorities: this machine's, plus those that the environment adds. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { createSecureContext, getCACertificates, rootCertificates } from 'node:tls'
import type { SecureContext } from 'node:tls'

let context: SecureContext | undefined

/**
 * Returns the TLS context, built once: the system's store (SSL_CERT_FILE and SSL_CERT_DIR may move it), or the
 * runtime's own list where there is none, plus NODE_EXTRA_CA_CERTS and CODEX_CA_CERTIFICATE (PEM files).
 * @throws an errno error for a file that cannot be read
 */
export function trust(): SecureContext {
  if (context !== undefined) return context
  const system = getCACertificates('system')
  const own = process.env['CODEX_CA_CERTIFICATE']
  const authorities = new Set(system.length > 0 ? system : rootCertificates)
  for (const extra of getCACertificates('extra')) authorities.add(extra)
  if (own) authorities.add(readFileSync(own, 'utf8'))
  context = createSecureContext({ ca: [...authorities] })
  return context
}
