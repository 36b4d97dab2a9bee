/** An MCP server of ours, on the executor's side, for one run. */
import type { Home } from '../home.ts'
import { startHttpMcp } from './mcp-http.ts'
import { placeStdioMcp } from './mcp-stdio.ts'
import { MCP_SERVER } from './mcp.ts'
import type { Release } from '../release.ts'

/** How it is spoken with; over HTTP also in what form it replies. */
export type McpKind = 'stdio' | 'http, replying in JSON' | 'http, replying with events'

export type McpFixture = {
  /** Its table in config.toml. */
  table: string
  tools: McpTools
  /** Throws unless everything went through the executor, and nothing is left open. */
  assertDone(): Promise<void>
  close(): void
}

export type McpTools = {
  /** What they are called by. */
  namespace: string
  /** What the tool of this name tells if it is the executor that calls. */
  whereabouts: string
}

export type Placement = {
  home: Home
  release: Release
  /** By what name Codex knows the executor. */
  environment: string
  /** The command line of the executor. */
  server: string
  /** The executor is there until Codex has ended. */
  serverStays: boolean
}

export async function placeMcp(kind: McpKind, placement: Placement): Promise<McpFixture> {
  const { key, suffix } = placement.release.mcp
  const { options, whereabouts, ...rest } =
    kind === 'stdio' ? placeStdioMcp(placement) : await startHttpMcp(kind === 'http, replying with events', placement)
  return {
    table: `[mcp_servers.${MCP_SERVER}]\n${key} = "${placement.environment}"\n${options}`,
    tools: { namespace: `mcp__${MCP_SERVER}${suffix}`, whereabouts },
    ...rest,
  }
}

/** What the two transports make of it. */
export type McpServer = Pick<McpFixture, 'assertDone' | 'close'> & {
  /** What is in its table besides where it is. */
  options: string
  whereabouts: string
}
