/** Serves one MCP client on stdin and stdout. */
import process from 'node:process'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { MAX_MESSAGE } from './limits.ts'
import { createMcpServer } from './server.ts'
import type { Workspace } from './workspace.ts'

/** Resolves when the client is gone: at the end of stdin, when stdout breaks, or by a signal. */
export async function serveStdio(workspace: Workspace): Promise<void> {
  const server = createMcpServer(workspace)
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const onEnd = (): void => end()
  server.onclose = onEnd
  process.stdin.once('end', onEnd).once('close', onEnd)
  process.stdout.on('error', onEnd)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, onEnd)
  await server.connect(new StdioServerTransport(process.stdin, process.stdout, { maxBufferSize: MAX_MESSAGE }))
  await Promise.race([ended, workspace.client.closed])
  await server.close()
}
