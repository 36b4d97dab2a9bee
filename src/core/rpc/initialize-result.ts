/** The answer to initialize. */
import { BEYOND_SANDBOX, EXTENSIONS, PROTOCOL_VERSION } from '../../protocol/schemas/session.ts'
import type { EnvironmentInfo, Extension, InitializeResult } from '../../protocol/schemas/session.ts'
import type { Host } from '../base/host.ts'

/** Puts it together. It lists the extensions that this server has in its configuration. */
export const initializeResult = (
  sessionId: string,
  environmentInfo: EnvironmentInfo,
  host: Host,
): InitializeResult => ({
  sessionId,
  environmentInfo,
  protocolVersion: PROTOCOL_VERSION,
  extensions: EXTENSIONS.filter((name) => isOffered(name, host)),
})

function isOffered(extension: Extension, { requiresSandbox, starts }: Host): boolean {
  if (extension === 'prepared') return starts.prepared
  if (extension === 'copyAgent' && !starts.direct) return false
  return !BEYOND_SANDBOX.has(extension) || !requiresSandbox
}
