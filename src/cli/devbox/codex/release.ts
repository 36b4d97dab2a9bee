/** What the releases of Codex differ in, as far as it matters to who points one at a devbox. */

export type CodexRelease = {
  version: string
  /** It reads environments.toml, which then replaces CODEX_EXEC_SERVER_URL; it can start a server itself. */
  readsFile: boolean
  /** `auth_bearer_token` may stand in that file. */
  sendsToken: boolean
  /** With a devbox, it still has this machine as an environment: MCP servers without a place run here. */
  keepsLocal: boolean
  /** The key of config.toml that places an MCP server; undefined: there is none. */
  mcpKey: 'experimental_environment' | 'environment_id' | undefined
}

/** The first release that can use a devbox: the second number of its version. */
const FIRST = 121

/** Versions of Codex are 0.N.P. */
const VERSION = /\b0\.(\d+)\.\d+\S*/

/**
 * Reads what `codex --version` prints. Undefined: it is not Codex's. A build from source calls itself 0.0.0, and counts as
 * the newest.
 */
export function releaseOf(printed: string): CodexRelease | undefined {
  const [version, number] = VERSION.exec(printed) ?? []
  if (version === undefined) return undefined
  const minor = Number(number) === 0 ? Infinity : Number(number)
  return {
    version,
    readsFile: minor >= 140,
    sendsToken: minor >= 160,
    keepsLocal: minor < 140,
    mcpKey: minor >= 140 ? 'environment_id' : minor >= 123 ? 'experimental_environment' : undefined,
  }
}

/** Whether it can use a devbox at all. */
export const canUseDevbox = ({ version }: CodexRelease): boolean => {
  const minor = Number(VERSION.exec(version)?.[1])
  return minor === 0 || minor >= FIRST
}

/** The first release, for messages. */
export const FIRST_RELEASE = `0.${FIRST}.0`
