/** The official SDK's own client, on the executable's stdin and stdout. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js'
import { atEnd } from '../../support/scope.ts'
import { serverCommand } from '../../support/server.ts'

/** Not below /tmp or $TMPDIR, which every command in workspace-write may write. */
export const BESIDE_TMP = '/var/tmp'

/** Longer than any call takes on a loaded machine. */
const LIMIT_MS = 120_000

export type Agent = {
  client: Client
  /** The directory that the tools work in. */
  workspace: string
  /** The pid of `exec-server mcp`. */
  pid: number
  /** Calls a tool, and checks that an answer without an error has the structure that the tool promises. */
  call(name: string, args?: Record<string, unknown>, options?: RequestOptions): Promise<CallToolResult>
}

/** Starts `exec-server mcp --local` in a new workspace. */
export async function startAgent(...options: string[]): Promise<Agent> {
  const workspace = realpathSync(mkdtempSync(join(BESIDE_TMP, 'exec-server-mcp-workspace-')))
  atEnd(() => rmSync(workspace, { recursive: true, force: true }))
  const [command, args] = serverCommand(['mcp', '--local', '--workspace', workspace, ...options])
  const transport = new StdioClientTransport({
    command,
    args,
    stderr: 'inherit',
    env: process.env as Record<string, string>,
  })
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(transport)
  atEnd(() => client.close())
  // The client checks structured results against the schemas that it has listed.
  await client.listTools()
  const call: Agent['call'] = async (name, args = {}, request = {}) =>
    (await client.callTool({ name, arguments: args }, undefined, { timeout: LIMIT_MS, ...request })) as CallToolResult
  return { client, workspace, pid: transport.pid as number, call }
}

export const textOf = ({ content }: CallToolResult): string =>
  content.map((part) => (part.type === 'text' ? part.text : '')).join('')

export const dataOf = ({ structuredContent }: CallToolResult): Record<string, unknown> => structuredContent ?? {}
