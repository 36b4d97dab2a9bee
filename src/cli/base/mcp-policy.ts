/** The options that say what an MCP client may do, of `exec-server mcp` and of a server with `--mcp`. */
import { UsageError } from '../../base/usage-error.ts'
import { SANDBOX_MODES } from '../../mcp/policy.ts'
import type { SandboxMode } from '../../mcp/policy.ts'

/** What the options say. */
export type McpPolicy = { directory: string | undefined; mode: SandboxMode; hasNetwork: boolean }

/** The values of `--network`. */
export const NETWORK_STATES = ['on', 'off'] as const

const isMode = (word: string): word is SandboxMode => (SANDBOX_MODES as readonly string[]).includes(word)

type Values = { workspace?: string | undefined; sandbox?: string | undefined; network?: string | undefined }

/**
 * Parses the values of the options, whose names begin with `prefix`.
 * @throws {UsageError}
 */
export function parseMcpPolicy(values: Values, prefix = '--'): McpPolicy {
  const { workspace: directory, sandbox: mode = 'workspace-write', network } = values
  if (!isMode(mode)) throw new UsageError(`${prefix}sandbox takes ${SANDBOX_MODES.join(', ')}, not '${mode}'`, 2)
  if (network !== undefined && network !== 'on' && network !== 'off')
    throw new UsageError(`${prefix}network takes on or off, not '${network}'`, 2)
  if (directory !== undefined && !directory.startsWith('/'))
    throw new UsageError(`${prefix}workspace takes an absolute path on the devbox, not '${directory}'`, 2)
  return { directory, mode, hasNetwork: network === undefined ? mode === 'full' : network === 'on' }
}
