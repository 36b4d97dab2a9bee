/** The tools that the scenarios of the conformance suite call. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import {
  CallToolRequestSchema,
  CreateMessageResultSchema,
  ElicitResultSchema,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
} from '@modelcontextprotocol/sdk/types.js'
import type {
  ContentBlock,
  ElicitRequestFormParams,
  ServerNotification,
  ServerRequest,
  Tool,
} from '@modelcontextprotocol/sdk/types.js'
import { audio, embedded, image, text } from './contents.ts'
import { DEFAULTS_FORM, ENUMS_FORM, USER_FORM } from './forms.ts'

type Call = {
  args: Record<string, unknown>
  server: Server
  extra: RequestHandlerExtra<ServerRequest, ServerNotification>
}
type Fixture = { inputSchema?: Tool['inputSchema']; call(call: Call): Promise<ContentBlock[]> | ContentBlock[] }

/** Between two notifications: the suite asks for it, so that they arrive one by one. */
const STEP_MS = 50

const FIXTURES: Record<string, Fixture> = {
  test_simple_text: { call: () => [text('This is a simple text response for testing.')] },
  test_image_content: { call: () => [image] },
  test_audio_content: { call: () => [audio] },
  test_embedded_resource: {
    call: () => [embedded('test://embedded-resource', 'This is an embedded resource content.')],
  },
  test_multiple_content_types: {
    call: () => [
      text('Multiple content types test:'),
      image,
      embedded('test://mixed-content-resource', '{"test":"data","value":123}', 'application/json'),
    ],
  },
  test_error_handling: {
    call: () => {
      throw new Error('This tool intentionally returns an error for testing')
    },
  },
  test_tool_with_logging: { call: logSteps },
  test_tool_with_progress: { call: reportSteps },
  test_sampling: { inputSchema: stringArgument('prompt'), call: sample },
  test_elicitation: {
    inputSchema: stringArgument('message'),
    call: async (call) => [
      text(
        `User response: ${await elicit(call, { message: String(call.args['message']), requestedSchema: USER_FORM })}`,
      ),
    ],
  },
  test_elicitation_sep1034_defaults: { call: (call) => fillIn(call, DEFAULTS_FORM) },
  test_elicitation_sep1330_enums: { call: (call) => fillIn(call, ENUMS_FORM) },
  test_reconnection: { call: closeStream },
  json_schema_2020_12_tool: {
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: { address: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
      properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
      additionalProperties: false,
    },
    call: () => [text('called')],
  },
}

export function serveTools(server: Server): void {
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: Object.entries(FIXTURES).map(([name, { inputSchema = { type: 'object' } }]) => ({
      name,
      description: `The fixture ${name}`,
      inputSchema,
    })),
  }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params: { name, arguments: args = {} } }, extra) => {
    const fixture = FIXTURES[name]
    if (fixture === undefined) throw new McpError(ErrorCode.InvalidParams, `there is no tool ${name}`)
    try {
      return { content: await fixture.call({ args, server, extra }) }
    } catch (error) {
      return { content: [text((error as Error).message)], isError: true }
    }
  })
}

function stringArgument(name: string): Tool['inputSchema'] {
  return { type: 'object', properties: { [name]: { type: 'string' } }, required: [name] }
}

async function logSteps({ extra }: Call): Promise<ContentBlock[]> {
  for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } })
    await delay(STEP_MS)
  }
  return [text('logged')]
}

async function reportSteps({ extra }: Call): Promise<ContentBlock[]> {
  const progressToken = extra._meta?.progressToken
  for (const progress of [0, 50, 100]) {
    if (progressToken !== undefined)
      await extra.sendNotification({
        method: 'notifications/progress',
        params: { progressToken, progress, total: 100 },
      })
    await delay(STEP_MS)
  }
  return [text('done')]
}

async function sample({ args, extra }: Call): Promise<ContentBlock[]> {
  const prompt = { type: 'text' as const, text: String(args['prompt']) }
  const params = { messages: [{ role: 'user' as const, content: prompt }], maxTokens: 100 }
  const { content } = await extra.sendRequest({ method: 'sampling/createMessage', params }, CreateMessageResultSchema)
  return [text(`LLM response: ${content.type === 'text' ? content.text : content.type}`)]
}

async function elicit({ extra }: Call, params: ElicitRequestFormParams): Promise<string> {
  const { action, content } = await extra.sendRequest({ method: 'elicitation/create', params }, ElicitResultSchema)
  return `action=${action}, content=${JSON.stringify(content)}`
}

async function fillIn(
  call: Call,
  requestedSchema: ElicitRequestFormParams['requestedSchema'],
): Promise<ContentBlock[]> {
  return [text(`Elicitation completed: ${await elicit(call, { message: 'Fill in', requestedSchema })}`)]
}

/** Ends the stream of the call before the answer: the client gets it when it has come back. */
async function closeStream({ server, extra }: Call): Promise<ContentBlock[]> {
  if (!(server.transport instanceof WebStandardStreamableHTTPServerTransport)) throw new Error('not over HTTP')
  server.transport.closeSSEStream(extra.requestId)
  await delay(STEP_MS)
  return [text('answered after the stream was closed')]
}
