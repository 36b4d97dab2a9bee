/** Whose certificates are trusted: those that this machine trusts, and what the environment adds to them. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { createSecureContext, getCACertificates, rootCertificates } from 'node:tls'
import type { SecureContext } from 'node:tls'

let context: SecureContext | undefined

/**
 * The system's store, which SSL_CERT_FILE and SSL_CERT_DIR may move; the runtime's own list where there is none.
 * NODE_EXTRA_CA_CERTS and CODEX_CA_CERTIFICATE, files of PEM, come on top. Throws for a file that cannot be read.
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
