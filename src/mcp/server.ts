/** The MCP server: the official SDK's, with our tools and resources. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import {
  ErrorCode,
  CallToolRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  RootsListChangedNotificationSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { CallToolResult, LoggingLevel } from '@modelcontextprotocol/sdk/types.js'
import { isWithin } from '../base/paths.ts'
import { escapeControlChars } from '../base/control-chars.ts'
import { version } from '../base/version.ts'
import { messageOf } from '../client/base/errors.ts'
import { MAX_CALLS, MAX_ROOTS } from './limits.ts'
import { describePolicy } from './policy.ts'
import { listResources, readResource } from './resources/read-resource.ts'
import { Subscriptions } from './resources/subscriptions.ts'
import { pathsOf, TEMPLATES } from './resources/uris.ts'
import type { RunChange } from './runs/run-list.ts'
import type { Tool, ToolAnswer, ToolCall } from './tool.ts'
import { allTools } from './tools/all.ts'
import type { Workspace } from './workspace.ts'

/** A server for one client. Connect it to a transport. */
export function createMcpServer(workspace: Workspace): Server {
  const server = new Server(
    { name: 'exec-server', title: 'exec-server', version },
    {
      capabilities: { tools: {}, resources: { subscribe: true, listChanged: true }, logging: {} },
      instructions: instructions(workspace),
    },
  )
  const log = (level: LoggingLevel, data: string): void =>
    void server.sendLoggingMessage({ level, logger: 'exec-server', data }).catch(() => {})
  serveTools(server, workspace)
  const subscriptions = serveResources(server, workspace)
  workspace.runs.onChange = (change) => {
    const { what } = change
    if (what !== 'ended') void server.sendResourceListChanged().catch(() => {})
    if (what !== 'removed') log('info', logLine(change))
  }
  server.oninitialized = () => void takeRoots(server, workspace, log)
  server.setNotificationHandler(RootsListChangedNotificationSchema, () => takeRoots(server, workspace, log))
  server.onclose = () => {
    subscriptions.clear()
    workspace.runs.onChange = () => {}
  }
  return server
}

const instructions = ({ policy, shell }: Workspace): string =>
  `Runs commands (in ${shell}) and edits files on a devbox. ` +
  `Relative paths are below ${policy.workspace}. ${describePolicy(policy)}`

const logLine = ({ what, run: { id, command, state, exit } }: RunChange): string => {
  const text = escapeControlChars(command.slice(0, 200))
  if (what === 'started') return `${id} started: ${text}`
  return state === 'exited' ? `${id} exited with ${exit?.exitCode}: ${text}` : `${id} was lost: ${text}`
}

// ---- tools ----

function serveTools(server: Server, workspace: Workspace): void {
  const tools = new Map(allTools(workspace).map((tool) => [tool.name, tool]))
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
}

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

// ---- resources and roots ----

function serveResources(server: Server, workspace: Workspace): Subscriptions {
  const subscriptions = new Subscriptions(workspace, (uri) => void server.sendResourceUpdated({ uri }).catch(() => {}))
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: listResources(workspace) }))
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [...TEMPLATES] }))
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }, { signal }) =>
    readResource(workspace, params.uri, signal),
  )
  server.setRequestHandler(SubscribeRequestSchema, async ({ params }) => {
    await subscriptions.add(params.uri)
    return {}
  })
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    subscriptions.remove(params.uri)
    return {}
  })
  return subscriptions
}

/** Lets only the client's roots be written, as far as they are in the workspace: they never grant more than that. */
async function takeRoots(
  server: Server,
  workspace: Workspace,
  log: (level: LoggingLevel, data: string) => void,
): Promise<void> {
  if (server.getClientCapabilities()?.roots === undefined) return
  try {
    const { roots } = await server.listRoots()
    const uris = roots.slice(0, MAX_ROOTS).map(({ uri }) => uri)
    const inside = await realPaths(pathsOf(uris), workspace)
    workspace.narrow(inside.length > 0 ? inside : [workspace.policy.workspace])
    if (inside.length < uris.length)
      log('warning', `${uris.length - inside.length} roots are not in ${workspace.policy.workspace}, and are not used`)
  } catch (error) {
    log('warning', `the roots of the client are not known: ${messageOf(error)}`)
  }
}

/** The real paths that are in the workspace: a link in it could lead out. */
async function realPaths(paths: readonly string[], { client, files, policy }: Workspace): Promise<string[]> {
  const { signal } = new AbortController()
  const real = await Promise.all(
    paths.map((path) => client.fs.canonicalize(path, files(signal)).catch(() => undefined)),
  )
  return real.filter((path): path is string => path !== undefined && isWithin(path, policy.workspace))
}
