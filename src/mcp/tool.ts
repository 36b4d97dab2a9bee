/** A tool: its description for the model, its schemas, and what it does. */
import { toJsonSchema } from '@valibot/to-json-schema'
import type { ToolAnnotations } from '@modelcontextprotocol/sdk/types.js'
import * as v from 'valibot'

/** A call of a tool. */
export type ToolCall = {
  /** Aborts when the client cancels the call, or is gone. */
  signal: AbortSignal
  /** Sends a progress notification, if the client asked for them. */
  progress: ((message: string) => void) | undefined
}

export type Image = { mimeType: string; data: string }

/** What a tool answers: text for the model, and the same as data. */
export type ToolAnswer<Data> = { text: string; data: Data; image?: Image; isError?: boolean }

type Json = Record<string, unknown>
type ObjectSchema<Output> = v.GenericSchema<unknown, Output>

export type ToolDefinition<Input, Data extends Json> = {
  name: string
  title: string
  description: string
  annotations: ToolAnnotations
  input: ObjectSchema<Input>
  output: ObjectSchema<Data>
  run(input: Input, call: ToolCall): Promise<ToolAnswer<Data>>
}

/** A JSON schema of an object, as MCP requires it. */
export type JsonObjectSchema = { type: 'object'; properties?: Record<string, object>; required?: string[] }

export type Tool = {
  name: string
  title: string
  description: string
  annotations: ToolAnnotations
  inputSchema: JsonObjectSchema
  outputSchema: JsonObjectSchema
  /** @throws {ToolError} for arguments that the schema does not allow */
  call(args: unknown, call: ToolCall): Promise<ToolAnswer<Json>>
}

/** A failure that the model can act on. */
export class ToolError extends Error {
  override name = 'ToolError'
}

export function defineTool<Input, Data extends Json>(definition: ToolDefinition<Input, Data>): Tool {
  const { name, title, description, annotations, input, output, run } = definition
  return {
    name,
    title,
    description,
    annotations: { title, openWorldHint: false, ...annotations },
    inputSchema: objectSchema(input),
    outputSchema: objectSchema(output),
    call: async (args, call) => {
      const parsed = v.safeParse(input, args ?? {}, { abortPipeEarly: true })
      if (parsed.success) return run(parsed.output, call)
      const issues = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? 'arguments'}: ${issue.message}`)
      throw new ToolError(`invalid arguments for ${name}: ${issues.join('; ')}`)
    },
  }
}

function objectSchema(schema: v.GenericSchema): JsonObjectSchema {
  const { $schema, ...rest } = toJsonSchema(schema, { typeMode: 'input', errorMode: 'ignore' })
  return { ...rest, type: 'object' } as JsonObjectSchema
}

// ---- parts of schemas -----------------------------------------------------------------------------------------------

const withoutNul = v.check((text: string) => !text.includes('\0'), 'contains a NUL byte')

/** A string that says what it is. */
export const text = (description: string) => v.pipe(v.string(), withoutNul, v.description(description))

/** A path: absolute, or relative to the workspace. */
export const path = (description: string) =>
  v.pipe(
    v.string(),
    v.minLength(1),
    withoutNul,
    v.description(`${description}; absolute, or relative to the workspace`),
  )

/** An optional whole number. */
export const count = (description: string, least: number, most: number, fallback: number) =>
  v.optional(v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most), v.description(description)), fallback)

/** An optional switch, off by default. */
export const flag = (description: string) => v.optional(v.pipe(v.boolean(), v.description(description)), false)
