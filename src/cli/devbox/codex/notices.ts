/** What a release of Codex does not do on a devbox, in a line each. */
import type { CodexCall } from './command-line.ts'
import type { CodexRelease } from './release.ts'
import { isTable } from '../../../core/codex-config/toml.ts'
import type { TomlTable } from '../../../core/codex-config/toml.ts'

/** What cannot be done with this call. */
export function callNotices({ kind, directory }: CodexCall, release: CodexRelease): string[] {
  if (kind === 'batch')
    return directory === undefined ? [] : [`codex -C ${directory}: it must exist on this machine, too`]
  if (kind === 'none') return []
  return [
    release.keepsLocal
      ? 'a command typed as !COMMAND does not run on the devbox'
      : 'do not type !COMMAND: without a local environment it ends Codex',
    '@FILE and /diff look at the files of this machine, not at those of the devbox',
  ]
}

/** How to place the MCP servers of config.toml that have no place yet. `environment`: the id of the devbox. */
export function mcpNotices(config: TomlTable, { mcpKey, keepsLocal }: CodexRelease, environment: string): string[] {
  const servers = config['mcp_servers']
  if (!isTable(servers)) return []
  const unplaced = Object.entries(servers)
    .filter(([, server]) => isTable(server) && server['enabled'] !== false && !isPlaced(server, mcpKey))
    .map(([name]) => name)
  if (unplaced.length === 0) return []
  const fate = keepsLocal ? 'on this machine' : 'not at all'
  const way = mcpKey === undefined ? '' : `; ${placement(mcpKey, environment)}`
  return [`MCP servers that run ${fate}: ${unplaced.join(', ')}${way}`]
}

const isPlaced = (server: TomlTable, key: string | undefined): boolean => key !== undefined && server[key] !== undefined

/** How an MCP server is placed. Releases with the older key know the devbox by this word only. */
export const placement = (key: NonNullable<CodexRelease['mcpKey']>, environment: string): string =>
  key === 'environment_id'
    ? `on the devbox with ${key} = "${environment}" and, over stdio, an absolute cwd there`
    : `on the devbox with ${key} = "remote"`
