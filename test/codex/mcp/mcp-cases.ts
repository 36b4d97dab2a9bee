/** An MCP server that only the executor is to reach: what its tools say arrives, short and long. */
import { equal, ok } from 'node:assert/strict'
import type { Case, Scene } from '../cases.ts'
import type { McpKind } from './mcp-fixture.ts'
import type { Script } from '../model.ts'
import { numbers } from '../numbers.ts'
import { callMcp, exec, readMcp } from '../tools.ts'

const KINDS: readonly McpKind[] = ['stdio', 'http, replying in JSON', 'http, replying with events']

/** Of its result, which then has 289 kB. */
const LAST = 50_000

export const mcpCases: readonly Case[] = [
  ...KINDS.map(
    (mcp): Case => ({
      name: `the tools of an MCP server are called by the server (${mcp})`,
      mcp,
      *script(scene) {
        yield* askWhereabouts(scene)
        yield* askCount(scene)
      },
    }),
  ),
  ...KINDS.map(
    (mcp): Case => ({
      name: `the tools of an MCP server are there after a cut connection (${mcp})`,
      mcp,
      cuts: true,
      *script(scene) {
        yield* askCount(scene)
        scene.cut()
        // A call that is under way fails, as the client has it. The next one comes when it is connected again.
        yield exec('true')
        yield* askWhereabouts(scene)
        yield* askCount(scene)
      },
    }),
  ),
]

function* askWhereabouts({ mcp }: Scene): Script {
  ok(mcp)
  const said = yield callMcp(mcp.namespace, 'whereabouts', {})
  equal(readMcp(said), mcp.whereabouts)
}

function* askCount({ mcp }: Scene): Script {
  ok(mcp)
  const said = readMcp(yield callMcp(mcp.namespace, 'count', { to: LAST }))
  // The message would hold both.
  ok(said === numbers(1, LAST), `${said.length} characters are not the ${numbers(1, LAST).length} that were sent`)
}
