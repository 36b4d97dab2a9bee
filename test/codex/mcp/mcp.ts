/** What our MCP servers offer, over whatever transport: a tool that tells who called, and one that says much. */
import { numbers } from '../numbers.ts'

export const MCP_SERVER = 'fixture'

/** A message of the client, as far as it matters here. One without a method answers a request of ours. */
export type McpMessage = {
  id?: string | number
  method?: string
  params?: { name?: string; arguments?: { to?: number }; protocolVersion?: string }
}

/** Undefined if the message is none that is answered. */
export function answerTo(message: McpMessage, whereabouts: string): object | undefined {
  const result = resultOf(message, whereabouts)
  return result === undefined ? undefined : { jsonrpc: '2.0', id: message.id, result }
}

function resultOf({ method, params }: McpMessage, whereabouts: string): object | undefined {
  if (method === 'initialize') {
    return {
      protocolVersion: params?.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: MCP_SERVER, version: '1' },
    }
  }
  if (method === 'tools/list') return { tools: [tool('whereabouts', {}), tool('count', { to: { type: 'number' } })] }
  if (method !== 'tools/call') return undefined
  const text = params?.name === 'count' ? numbers(1, params.arguments?.to ?? 0) : whereabouts
  return { content: [{ type: 'text', text }] }
}

/** Codex calls a tool that only reads without asking the user. */
function tool(name: string, properties: object): object {
  return { name, description: name, inputSchema: { type: 'object', properties }, annotations: { readOnlyHint: true } }
}
