/** The endpoint of a server for its own MCP clients. */
import { openClient, clientLimits } from '../../client/client.ts'
import { inProcessConnector } from '../../client/transports/in-process.ts'
import type { ExecServer } from '../../core/rpc/server.ts'
import { PathLocks } from '../path-locks.ts'
import { createMcpServer } from '../server.ts'
import { openWorkspace } from '../workspace.ts'
import type { WorkspaceOptions } from '../workspace.ts'
import { createMcpEndpoint } from './endpoint.ts'
import type { McpEndpoint } from './endpoint.ts'

/** Each MCP client has a session of `server`, under the same limits as every client. */
export function endpointFor(server: ExecServer, options: WorkspaceOptions): McpEndpoint {
  const locks = new PathLocks()
  return createMcpEndpoint(async () => {
    const clientOptions = { clientName: 'exec-server-mcp' }
    const client = await openClient(
      inProcessConnector(server, () => {}),
      clientOptions,
      clientLimits(clientOptions),
    )
    try {
      const workspace = await openWorkspace(client, options, locks)
      return { server: createMcpServer(workspace), ended: client.closed, close: () => client.close() }
    } catch (error) {
      await client.close().catch(() => {})
      throw error
    }
  })
}
