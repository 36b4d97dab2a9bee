/** The MCP server over stdio, for Codex to have it started by the executor. */
import { deepEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { eventually, isAlive } from '../../support/server.ts'
import type { McpServer, Placement } from './mcp-fixture.ts'
import { SERVER_TOKEN, TOKEN } from '../token.ts'

export function placeStdioMcp({ home, server }: Placement): McpServer {
  const logFile = join(home.folder, 'mcp-stdio.log')
  const args = [join(import.meta.dirname, 'mcp-stdio-server.ts'), logFile]
  const mark = Object.entries(home.mark)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    .join(', ')
  return {
    // The mark is not among the variables that Codex lets through.
    options: `command = ${JSON.stringify(process.execPath)}
args = ${JSON.stringify(args)}
cwd = ${JSON.stringify(home.folder)}
env = { ${mark} }
env_vars = [{ name = "${TOKEN}", source = "remote" }]
`,
    whereabouts: JSON.stringify({ caller: server, token: SERVER_TOKEN }),
    assertDone: async () => {
      const [pid, ...methods] = readFileSync(logFile, 'utf8').trimEnd().split('\n')
      // All of them once, but for the calls: it was started once.
      deepEqual(
        methods.filter((method) => method !== 'tools/call'),
        ['initialize', 'notifications/initialized', 'tools/list'],
      )
      await eventually(() => !isAlive(Number(pid)), 3000, 'the end of the MCP server')
    },
    close: () => {},
  }
}
