/** The MCP server whose tools, resources and prompts the conformance suite uses. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import {
  CompleteRequestSchema,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import type { ContentBlock, Prompt, ReadResourceResult, Resource } from '@modelcontextprotocol/sdk/types.js'
import { embedded, image, PNG, text } from './contents.ts'
import { serveTools } from './tools.ts'

export function createFixtureServer(): Server {
  const server = new Server(
    { name: 'conformance-fixtures', version: '1' },
    { capabilities: { tools: {}, resources: { subscribe: true }, prompts: {}, completions: {}, logging: {} } },
  )
  serveTools(server)
  serveResources(server)
  servePrompts(server)
  server.setRequestHandler(SetLevelRequestSchema, () => ({}))
  return server
}

// ---- resources ----

const RESOURCES: readonly Resource[] = [
  { uri: 'test://static-text', name: 'static-text', description: 'A text', mimeType: 'text/plain' },
  { uri: 'test://static-binary', name: 'static-binary', description: 'An image', mimeType: 'image/png' },
  { uri: 'test://watched-resource', name: 'watched-resource', description: 'A text', mimeType: 'text/plain' },
]

const TEMPLATE = /^test:\/\/template\/([^/]+)\/data$/

function serveResources(server: Server): void {
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: [...RESOURCES] }))
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template' }],
  }))
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => read(uri))
  const subscribed = new Set<string>()
  server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.add(uri)
    return {}
  })
  server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
    subscribed.delete(uri)
    return {}
  })
}

function read(uri: string): ReadResourceResult {
  if (uri === 'test://static-binary') return { contents: [{ uri, mimeType: 'image/png', blob: PNG }] }
  const id = TEMPLATE.exec(uri)?.[1]
  if (id !== undefined)
    return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true }) }] }
  if (!RESOURCES.some((resource) => resource.uri === uri)) throw new McpError(-32_002, 'no such resource', { uri })
  return { contents: [{ uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }] }
}

// ---- prompts ----

type PromptFixture = Pick<Prompt, 'arguments'> & { messages(args: Record<string, string>): ContentBlock[] }

const argument = (name: string): { name: string; required: boolean } => ({ name, required: true })

const PROMPTS: Record<string, PromptFixture> = {
  test_simple_prompt: { messages: () => [text('This is a simple prompt for testing.')] },
  test_prompt_with_arguments: {
    arguments: [argument('arg1'), argument('arg2')],
    messages: ({ arg1, arg2 }) => [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  },
  test_prompt_with_embedded_resource: {
    arguments: [argument('resourceUri')],
    messages: ({ resourceUri = '' }) => [
      embedded(resourceUri, 'Embedded resource content for testing.'),
      text('Please process the embedded resource above.'),
    ],
  },
  test_prompt_with_image: { messages: () => [image, text('Please analyze the image above.')] },
}

function servePrompts(server: Server): void {
  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: Object.entries(PROMPTS).map(([name, prompt]) => ({
      name,
      description: `The fixture ${name}`,
      arguments: prompt.arguments,
    })),
  }))
  server.setRequestHandler(GetPromptRequestSchema, ({ params: { name, arguments: args = {} } }) => {
    const prompt = PROMPTS[name]
    if (prompt === undefined) throw new McpError(-32_602, `there is no prompt ${name}`)
    return { messages: prompt.messages(args).map((content) => ({ role: 'user', content })) }
  })
  server.setRequestHandler(
    CompleteRequestSchema,
    ({
      params: {
        argument: { value },
      },
    }) => ({
      completion: { values: ['testValue1', 'testValue2'].filter((known) => known.startsWith(value)) },
    }),
  )
}
