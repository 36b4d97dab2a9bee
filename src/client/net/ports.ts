/** The ports that are listened on. */
import type { ListeningPort, PortsResult } from '../../protocol/schemas/net.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { Abortable } from '../base/abortable.ts'
import type { RpcClient } from '../session/rpc-client.ts'
import { call } from '../session/unsupported.ts'

/**
 * Lists them.
 * @throws {UnsupportedError} If the server cannot tell.
 */
export async function listPorts(rpc: RpcClient, { signal }: Abortable = {}): Promise<ListeningPort[]> {
  const { ports } = await call<PortsResult>(rpc, Method.NetPorts, null, { signal, repeatable: true })
  return ports
}
