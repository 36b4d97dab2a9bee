/** The MCP server: the official SDK's, with our tools. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { CallToolRequestSchema, ErrorCode, ListToolsRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { escapeControlChars } from '../base/control-chars.ts'
import { version } from '../base/version.ts'
import { messageOf } from '../client/base/errors.ts'
import { MAX_CALLS } from './limits.ts'
import { describePolicy } from './policy.ts'
import type { Tool, ToolAnswer, ToolCall } from './tool.ts'
import { allTools } from './tools/all.ts'
import type { Workspace } from './workspace.ts'

/** A server for one client. Connect it to a transport. */
export function createMcpServer(workspace: Workspace): Server {
  const tools = new Map(allTools(workspace).map((tool) => [tool.name, tool]))
  const server = new Server(
    { name: 'exec-server', title: 'exec-server', version },
    { capabilities: { tools: {} }, instructions: instructions(workspace) },
  )
  let calls = 0
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: [...tools.values()].map(({ call, ...description }) => description),
  }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, sendNotification, _meta: meta }) => {
    const { name, arguments: args } = params
    const tool = tools.get(name)
    if (tool === undefined) throw new McpError(ErrorCode.InvalidParams, unknownTool(name, workspace))
    if (calls >= MAX_CALLS) return failed(`${MAX_CALLS} calls are under way: wait for some of them`)
    const token = meta?.progressToken
    let count = 0
    const progress =
      token === undefined
        ? undefined
        : (message: string): void => {
            const params = { progressToken: token, progress: ++count, message }
            void sendNotification({ method: 'notifications/progress', params }).catch(() => {})
          }
    calls++
    try {
      return await answer(tool, args, { signal, progress })
    } finally {
      calls--
    }
  })
  return server
}

const instructions = ({ policy, shell }: Workspace): string =>
  `Runs commands (in ${shell}) and edits files on a devbox. ` +
  `Relative paths are below ${policy.workspace}. ${describePolicy(policy)}`

const unknownTool = (name: string, { policy }: Workspace): string =>
  name === 'fetch' && !policy.hasNetwork
    ? 'fetch is not offered without network: start exec-server mcp with --network on'
    : `there is no tool ${escapeControlChars(name.slice(0, 100))}`

async function answer(tool: Tool, args: unknown, call: ToolCall): Promise<CallToolResult> {
  try {
    return resultOf(await tool.call(args, call))
  } catch (error) {
    return failed(messageOf(error))
  }
}

const resultOf = ({ text, data, image, isError = false }: ToolAnswer<Record<string, unknown>>): CallToolResult => ({
  content: [...(image === undefined ? [] : [{ type: 'image' as const, ...image }]), { type: 'text' as const, text }],
  structuredContent: data,
  ...(isError ? { isError } : {}),
})

const failed = (message: string): CallToolResult => ({ content: [{ type: 'text', text: message }], isError: true })
