/** Real MCP servers from npm, the SDK's own client, and the ways to a devbox that they are tried over. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { CreateMessageRequestSchema, ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { connect } from '../../../../src/client/connect.ts'
import type { Target } from '../../../../src/client/connect.ts'
import type { McpTransport } from '../../../../src/client/mcp/index.ts'
import type { ExecClient } from '../../../../src/client/base/types.ts'
import { root } from '../../../support/server.ts'
import { subjects } from '../support/subject.ts'
import type { Subject } from '../support/subject.ts'

const modules = join(root, 'node_modules')
/** Whatever runs the test, the servers are programs for Node. */
export const node = join(modules, 'node', 'bin', 'node')

export const everything = {
  command: node,
  args: [join(modules, '@modelcontextprotocol/server-everything/dist/index.js')],
}
export const filesystem = (...folders: string[]): { command: string; args: string[] } => ({
  command: node,
  args: [join(modules, '@modelcontextprotocol/server-filesystem/dist/index.js'), ...folders],
})

/** Says what it is asked over MCP by a few lines of its own: `handle` gets a message, and `say` writes one. */
export const script = (body: string): { command: string; args: string[] } => ({
  command: node,
  args: [
    '-e',
    `const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
     const { spawn } = require('node:child_process')
     let handle = () => {}
     let rest = ''
     process.stdin.on('data', (text) => {
       const lines = (rest + text).split('\\n')
       rest = lines.pop()
       for (const line of lines) handle(JSON.parse(line))
     })
     ${body}`,
  ],
})

export type Connected = { mcp: Client; errors: Error[] }

/** The SDK's client, connected for as long as the body runs. */
export async function withMcp(transport: McpTransport, body: (connected: Connected) => Promise<void>): Promise<void> {
  const mcp = new Client({ name: 'test', version: '1' }, { capabilities: { sampling: {}, roots: {} } })
  const errors: Error[] = []
  mcp.onerror = (error) => errors.push(error)
  const content = { type: 'text' as const, text: 'sampled here' }
  mcp.setRequestHandler(CreateMessageRequestSchema, () => ({ model: 'none', role: 'assistant', content }))
  mcp.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///a-root', name: 'a root' }] }))
  // The one place where ours has to be the SDK's.
  const theirs: Transport = transport
  try {
    await mcp.connect(theirs)
    await body({ mcp, errors })
  } finally {
    await mcp.close()
  }
}

export const textOf = (result: unknown): string =>
  (result as { content: { text: string }[] }).content.map(({ text }) => text).join('')

/** A way to a devbox. The client ends with the body. */
export type Way = {
  name: string
  subject: Subject | undefined
  /** The way that the quick tier tries, of those to our server. */
  isMain: boolean
  open(body: (client: ExecClient) => Promise<void>): Promise<void>
}

const via = (
  name: string,
  subject: Subject | undefined,
  target: () => Promise<{ target: Target; stop?: () => Promise<void> }>,
): Way => ({
  name,
  subject,
  isMain: subject?.isOurs !== false && name.endsWith('over WebSocket'),
  open: async (body) => {
    const { target: to, stop } = await target()
    try {
      await using client = await connect(to)
      await body(client)
    } finally {
      await stop?.()
    }
  },
})

export const ways: readonly Way[] = [
  via('this machine', undefined, async () => ({ target: { local: true } })),
  ...subjects.flatMap((subject) => [
    via(`${subject.name} over WebSocket`, subject, async () => {
      const { url, stop } = await subject.serve()
      return { target: url, stop }
    }),
    ...(subject.faults.has('noStdioListener') ? [] : [overStdio(subject)]),
  ]),
]

function overStdio(subject: Subject): Way {
  return via(`${subject.name} over stdio`, subject, async () => ({ target: { command: subject.stdioCommand } }))
}

export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mcp-')))
  try {
    await body(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
