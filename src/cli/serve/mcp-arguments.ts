/** The options for MCP clients over HTTP. */
import { parseMcpPolicy } from '../base/mcp-policy.ts'
import type { McpPolicy } from '../base/mcp-policy.ts'
import type { Listen } from '../../server/http/listen-url.ts'
import { UsageError } from '../../base/usage-error.ts'

export const mcpOptions = {
  mcp: { type: 'boolean' },
  'mcp-workspace': { type: 'string' },
  'mcp-sandbox': { type: 'string' },
  'mcp-network': { type: 'string' },
} as const

export const MCP_HELP = `  --mcp                        serve MCP clients (Model Context Protocol), too: streamable HTTP at /mcp below the printed URL
  --mcp-workspace DIR          the directory that they work in (default: where the server was started)
  --mcp-sandbox MODE           read-only, workspace-write (default) or full: what they may write
  --mcp-network STATE          on or off (default): whether their commands have a network; with full it is on
`

type Values = {
  mcp?: boolean | undefined
  'mcp-workspace'?: string | undefined
  'mcp-sandbox'?: string | undefined
  'mcp-network'?: string | undefined
}

/**
 * Parses the options. Undefined: there are no MCP clients.
 * @throws {UsageError}
 */
export function parseMcp(values: Values, listen: Listen): McpPolicy | undefined {
  const { mcp, 'mcp-workspace': workspace, 'mcp-sandbox': sandbox, 'mcp-network': network } = values
  if (mcp !== true) {
    const [other] = (['mcp-workspace', 'mcp-sandbox', 'mcp-network'] as const).filter((name) => name in values)
    if (other !== undefined && values[other] !== undefined) throw new UsageError(`--${other} requires --mcp`, 2)
    return undefined
  }
  if (listen.kind === 'stdio')
    throw new UsageError('--mcp requires a listener: for MCP on stdio use exec-server mcp --local', 2)
  return parseMcpPolicy({ workspace, sandbox, network }, '--mcp-')
}
