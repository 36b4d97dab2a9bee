/**
 * The only file that uses @hono/node-ws. Routes the upgrade through the Hono app and passes on the underlying `ws`
 * socket: Hono's wrapper has no queue length, no pause and cannot send bytes as text frames.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { createNodeWebSocket } from '@hono/node-ws'
import { Hono } from 'hono'
import type { WebSocket } from 'ws'
import type { Limits } from '../../core/base/limits.ts'
import type { ServerLimits } from '../limits.ts'
import type { Upgrade } from '../http/app.ts'
import { originForm } from '../http/host-check.ts'
import type { HostCheck } from '../http/host-check.ts'
import { refusalOf, refuseRequest, refuseUpgrade } from '../http/refuse.ts'
import type { RequestChecks } from '../http/refuse.ts'
import type { Preview } from '../preview/preview.ts'
import type { OnRefused } from '../telemetry/refusals.ts'

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>
type Environment = { incoming: IncomingMessage }

/** Carries the app's response to an upgrade request that it rejected. */
class NotUpgraded extends Error {
  readonly response: Response
  constructor(response: Response) {
    super()
    this.response = response
  }
}

/** Parts of the upgrade server. `onSocket` receives each upgraded WebSocket with its TCP or unix socket. */
export type UpgradeServerOptions = {
  limits: ServerLimits & Pick<Limits, 'messageBytes'>
  checkHost: HostCheck
  /** Origins of web pages that may open a WebSocket. */
  origins: ReadonlySet<string>
  makeApp: (upgrade: Upgrade) => Hono
  onSocket: (websocket: WebSocket, socket: Socket) => void
  onRefused: OnRefused
  preview: Pick<Preview, 'request' | 'upgrade'> | undefined
}

/** Creates an HTTP server for the app, not yet listening; each upgraded WebSocket goes to `onSocket`. */
export function createUpgradeServer({
  limits,
  checkHost,
  origins,
  makeApp,
  onSocket,
  onRefused,
  preview,
}: UpgradeServerOptions): Server {
  const upgraded = new WeakSet<IncomingMessage>()
  // The adapter drops response bodies, treats every request as a GET, and loses track of late rejections.
  const request = async (url: URL, init: RequestInit, env: Environment): Promise<Response> => {
    const response = await app.request(url, { ...init, method: env.incoming.method ?? '' }, env)
    if (!upgraded.has(env.incoming)) throw new NotUpgraded(response)
    return response
  }
  const { injectWebSocket, upgradeWebSocket, wss } = createNodeWebSocket({
    app: Object.assign(new Hono(), { request }),
  })
  const upgrade = upgradeWebSocket((context) => ({
    onOpen: (_, { raw }) => onSocket(raw as WebSocket, (context.env as Environment).incoming.socket),
  }))
  const app = makeApp((context, next) => {
    const { incoming } = context.env as Environment
    // The client may have disconnected while its token was verified.
    if (incoming.socket.destroyed) return Promise.resolve(context.body(null, 400))
    upgraded.add(incoming)
    return upgrade(context, next)
  })
  // perMessageDeflate stays off, whatever the client offers.
  Object.assign(wss.options, {
    maxPayload: limits.messageBytes,
    closeTimeout: limits.closeTimeoutMs,
    maxPendingAutoPongs: limits.pendingPongs,
    clientTracking: false,
  })

  const listener = getRequestListener(app.fetch)
  const server = createServer((request, response) => {
    // First of all: nothing that a page of a preview can ask for may reach the server itself.
    if (preview?.request(request, response) === true) return
    const refusal = refusalOf(request, { checkHost, origins: isMcp(request) ? origins : NO_ORIGINS, onRefused })
    if (refusal !== undefined) return refuseRequest(response, refusal)
    normalizeRequestForHono(request)
    void listener(request, response)
  })
  injectWebSocket(server)
  const [adapter] = server.listeners('upgrade')
  server.removeAllListeners('upgrade')
  const serveUpgrade = withChecks(adapter as UpgradeListener, { checkHost, origins, onRefused })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    if (preview?.upgrade(request, socket, head) !== true) serveUpgrade(request, socket, head)
  })
  return server
}

/** Web pages may use the WebSocket and MCP only: the other endpoints send no CORS headers and reject every Origin. */
const NO_ORIGINS: ReadonlySet<string> = new Set()

const isMcp = ({ url = '' }: IncomingMessage): boolean => /^[^?#]*\/mcp(?:[?#]|$)/.test(url)

/** Rewrites what the Hono adapters cannot parse: invalid Host values, and absolute-form or empty request targets. */
export function normalizeRequestForHono(request: IncomingMessage): void {
  const target = originForm(request.url ?? '')
  request.url = target.startsWith('/') ? target : `/${target}`
  request.headers.host = 'localhost'
}

/** Wraps the adapter's upgrade listener with the checks, normalization and error responses that it lacks. */
function withChecks(listener: UpgradeListener, checks: RequestChecks) {
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const refusal = refusalOf(request, checks)
    if (refusal !== undefined) return refuseUpgrade(socket, request, refusal)
    normalizeRequestForHono(request)
    // A target that starts with `//` would be parsed as an authority.
    request.url = `http://localhost${request.url}`
    // Ignore offered subprotocols, as with extensions.
    delete request.headers['sec-websocket-protocol']
    listener(request, socket, head).catch(async (reason: unknown) => {
      if (!(reason instanceof NotUpgraded)) {
        socket.destroy()
        return
      }
      const { status, headers } = reason.response
      refuseUpgrade(socket, request, { status, message: await reason.response.text() }, headers.get('allow'))
    })
  }
}
