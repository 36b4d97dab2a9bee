/** Handlers of the HTTP methods, and of those of network connections. */
import { HttpAcknowledgeParams, HttpCancelParams, HttpRequestParams } from '../../protocol/schemas/http.ts'
import {
  NetAcknowledgeParams,
  NetConnectionParams,
  NetConnectParams,
  NetListenParams,
  NetUnlistenParams,
  NetWriteParams,
} from '../../protocol/schemas/net.ts'
import type { PortsResult } from '../../protocol/schemas/net.ts'
import { NoParams } from '../../protocol/schemas/session.ts'
import { invalidRequest } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { describePorts } from '../net/ports.ts'
import { method } from './method.ts'
import type { Services } from './method.ts'
import { checkMayList } from './process-methods.ts'

const HTTP = 'http'
const NET = 'network'

/** The HTTP methods, by name. */
export const httpMethods = {
  [Method.HttpRequest]: method(HTTP, HttpRequestParams, (params, { http }, ticket) => http.request(params, ticket)),
  // An unknown request id is ignored: the request may have ended just before.
  [Method.HttpAcknowledge]: method(HTTP, HttpAcknowledgeParams, ({ requestId, seq }, { http }) => {
    http.acknowledge(requestId, seq)
    return {}
  }),
  [Method.HttpCancel]: method(HTTP, HttpCancelParams, ({ requestId }, { http }) => {
    http.cancel(requestId)
    return {}
  }),
}

/** @throws -32600 with --require-sandbox, as process/list, and where the system does not tell */
async function listPorts({ host, registry, limits }: Services): Promise<PortsResult> {
  checkMayList(host)
  if (host.net.ports === undefined) throw invalidRequest('this executor cannot tell which ports are listened on')
  const ports = await host.net.ports()
  const live = registry
    .list()
    .flatMap(({ pid, run, state }) => (pid === null || state !== 'running' ? [] : [[pid, run] as const]))
  return { ports: describePorts(ports, new Map(live), limits.listedProcesses) }
}

/** The network methods, by name. An unknown connection or listener is ignored: it may have ended just before. */
export const netMethods = {
  [Method.NetConnect]: method(NET, NetConnectParams, (params, { net }, ticket) => net.connect(params, ticket)),
  // Asynchronous, so that the transport leaves the message's bytes to it: they are written later.
  [Method.NetWrite]: method(NET, NetWriteParams, async ({ connectionId, chunk }, { net }) => {
    net.write(connectionId, chunk)
    return {}
  }),
  [Method.NetAcknowledge]: method(NET, NetAcknowledgeParams, ({ connectionId, seq }, { net }) => {
    net.acknowledge(connectionId, seq)
    return {}
  }),
  [Method.NetEnd]: method(NET, NetConnectionParams, ({ connectionId }, { net }) => {
    net.end(connectionId)
    return {}
  }),
  [Method.NetClose]: method(NET, NetConnectionParams, ({ connectionId }, { net }) => {
    net.close(connectionId)
    return {}
  }),
  [Method.NetListen]: method(NET, NetListenParams, (params, { net }) => net.listen(params)),
  [Method.NetUnlisten]: method(NET, NetUnlistenParams, ({ listenerId }, { net }) => {
    net.unlisten(listenerId)
    return {}
  }),
  [Method.NetPorts]: method(NET, NoParams, (_, services) => listPorts(services)),
}
