/** An MCP server over streamable HTTP, for Codex to call through the executor. */
import { deepEqual, ok } from 'node:assert/strict'
import { eventually } from '../../support/server.ts'
import type { McpServer, Placement } from './mcp-fixture.ts'
import { SESSION, startHttpMcpServer } from './mcp-http-server.ts'
import { CLIENT_TOKEN, SERVER_TOKEN, TOKEN } from '../token.ts'

export async function startHttpMcp(replyWithEvents: boolean, placement: Placement): Promise<McpServer> {
  const { release, server: caller, serverStays } = placement
  const authorization = `Bearer ${release.mcp.token === 'server' ? SERVER_TOKEN : CLIENT_TOKEN}`
  const whereabouts = JSON.stringify({ caller, authorization, session: SESSION })
  const unlike = new Map([
    ['initialize', [JSON.stringify({ caller, authorization })]],
    // Codex does not wait for the answer; without it the executor gives the request up, and may have left.
    ['DELETE', [whereabouts, JSON.stringify({ authorization, session: SESSION })]],
  ])
  const server = await startHttpMcpServer(replyWithEvents)
  return {
    options: `url = "${server.url}"\nbearer_token_env_var = "${TOKEN}"\n`,
    whereabouts,
    assertDone: async () => {
      deepEqual(server.problems, [])
      const asked = new Set<string>()
      for (const { what, whereabouts: from } of server.asked) {
        const allowed = unlike.get(what) ?? [whereabouts]
        ok(allowed.includes(from), `${what} was asked by ${from} instead of ${allowed.join(' or ')}`)
        asked.add(what)
      }
      // Elsewhere it is a matter of luck whether the last request is made before Codex is gone.
      if (!(release.mcp.endsSession && serverStays)) asked.add('DELETE')
      const expected = [
        'initialize',
        'notifications/initialized',
        'GET',
        'tools/list',
        'tools/call',
        ...server.pings,
        'DELETE',
      ]
      deepEqual([...asked].sort(), expected.sort())
      await eventually(() => server.listeners() === 0, 3000, 'the end of the stream of server events')
    },
    close: server.close,
  }
}
