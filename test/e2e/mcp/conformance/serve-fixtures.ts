/** Serves the fixtures as a server with `--mcp --capability-url` serves its tools: same listener, checks and endpoint. */
import { defaultServeLimits as limits } from '../../../../src/cli/serve/limits.ts'
import { createExecServer } from '../../../../src/core/rpc/server.ts'
import { systemClock } from '../../../../src/host/clock.ts'
import { createHost } from '../../../../src/host/index.ts'
import { createMcpEndpoint } from '../../../../src/mcp/http/endpoint.ts'
import { createAuthenticator } from '../../../../src/server/auth/authentication.ts'
import { hostCheck } from '../../../../src/server/http/host-check.ts'
import { openListener } from '../../../../src/server/http/listener.ts'
import { serveWebSockets } from '../../../../src/server/transports/websocket.ts'
import { atEnd } from '../../../support/scope.ts'
import { eventually } from '../../../support/server.ts'
import { createFixtureServer } from './fixture-server.ts'

/** Resolves with the URL of the endpoint. `version` takes the place of the protocol version that requests name. */
export async function serveFixtures({ version }: { version?: string } = {}): Promise<URL> {
  const faults: unknown[] = []
  const report = (fault: unknown): void => void faults.push(fault)
  const core = createExecServer({
    host: createHost({ sandbox: { required: false }, limits, report }),
    clock: systemClock,
    limits,
  })
  const endpoint = createMcpEndpoint(async () => {
    const server = createFixtureServer()
    const { promise: ended, resolve: close } = Promise.withResolvers<void>()
    return { server, ended, close: async () => close() }
  })
  const { authenticator, path } = createAuthenticator({ kind: 'capability-url', tokenFile: undefined })
  const listener = await openListener('127.0.0.1', 0)
  const url = new URL(`${listener.url.replace(/^ws/, 'http')}${path}/mcp`)
  const serving = serveWebSockets(core, listener, {
    limits,
    authenticator,
    checkHost: hostCheck([]),
    // The suite sends the server's own origin, as a page of the server would.
    origins: [url.origin],
    metrics: () => '',
    report,
    mcp: version === undefined ? endpoint.fetch : (request) => endpoint.fetch(withVersion(request, version)),
  })
  atEnd(async () => {
    listener.close()
    serving.closeIdle()
    await endpoint.close()
    core.shutdown()
    await eventually(() => serving.connections() === 0)
    if (faults.length > 0) throw new Error(`the server reported ${faults.length} faults`, { cause: faults[0] })
  })
  return url
}

function withVersion(request: Request, version: string): Request {
  const headers = new Headers(request.headers)
  if (headers.has('mcp-protocol-version')) headers.set('mcp-protocol-version', version)
  return new Request(request, { headers })
}
