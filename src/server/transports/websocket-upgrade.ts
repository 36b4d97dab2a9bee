/**
 * The one file that knows @hono/node-ws. It takes the upgrade through the Hono app and hands out the `ws`
 * socket behind Hono's, because Hono's has no queue length, no pause and no text frames from bytes.
 */
import { createServer, STATUS_CODES } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { createNodeWebSocket } from '@hono/node-ws'
import type { Hono } from 'hono'
import type { WebSocket } from 'ws'
import type { Limits } from '../../core/base/limits.ts'
import type { Upgrade } from '../http/app.ts'
import { originForm } from '../http/host-check.ts'
import type { HostCheck, Refusal } from '../http/host-check.ts'

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>
type Environment = { incoming: IncomingMessage }

/** An answer of the app's to an upgrade that it does not take. */
class NotUpgraded extends Error {
  readonly response: Response
  constructor(response: Response) {
    super()
    this.response = response
  }
}

export type UpgradeServerOptions = {
  limits: Limits
  checkHost: HostCheck
  /** Of pages that may open a WebSocket. */
  origins: ReadonlySet<string>
  makeApp: (upgrade: Upgrade) => Hono
  onSocket: (websocket: WebSocket, socket: Socket) => void
}

/** An HTTP server for the app, whose upgrades end in `onSocket`. */
export function createUpgradeServer({ limits, checkHost, origins, makeApp, onSocket }: UpgradeServerOptions): Server {
  const upgraded = new WeakSet<IncomingMessage>()
  // The adapter answers without a text, takes every request for a GET, and forgets whom it refuses late.
  const request = async (url: URL, init: RequestInit, env: Environment): Promise<Response> => {
    const response = await app.request(url, { ...init, method: env.incoming.method ?? '' }, env)
    if (!upgraded.has(env.incoming)) throw new NotUpgraded(response)
    return response
  }
  const { injectWebSocket, upgradeWebSocket, wss } = createNodeWebSocket({ app: { request } as unknown as Hono })
  const upgrade = upgradeWebSocket((context) => ({
    onOpen: (_, { raw }) => onSocket(raw as WebSocket, (context.env as Environment).incoming.socket),
  }))
  const app = makeApp((context, next) => {
    const { incoming } = context.env as Environment
    // It may have left while its token was looked at.
    if (incoming.socket.destroyed) return Promise.resolve(context.body(null, 400))
    upgraded.add(incoming)
    return upgrade(context, next)
  })
  // Compression stays off: it is never negotiated, whatever the client offers.
  Object.assign(wss.options, {
    maxPayload: limits.messageBytes,
    closeTimeout: limits.closeTimeoutMs,
    maxPendingAutoPongs: limits.pendingPongs,
    clientTracking: false,
  })

  const listener = getRequestListener(app.fetch)
  const server = createServer((request, response) => {
    const refusal = refusalOf(request, checkHost, NO_ORIGINS)
    if (refusal !== undefined) return refuseRequest(response, refusal)
    simplify(request)
    void listener(request, response)
  })
  injectWebSocket({
    on: (_: 'upgrade', listener: UpgradeListener) => server.on('upgrade', guarded(listener, checkHost, origins)),
  } as unknown as Server)
  return server
}

/** Pages need nothing but the socket: what else there is has no CORS headers, and none of them may look. */
const NO_ORIGINS: ReadonlySet<string> = new Set()

/** What is refused whatever it asks for. */
function refusalOf(request: IncomingMessage, checkHost: HostCheck, origins: ReadonlySet<string>): Refusal | undefined {
  // Browsers send Origin with every WebSocket, from whatever page; no agent does.
  const { origin } = request.headers
  if (origin !== undefined && !origins.has(origin)) return { status: 403, message: '' }
  return checkHost(request)
}

/** Keeps from the adapters what they cannot handle: names that make no URL, targets that name a server or nothing. */
function simplify(request: IncomingMessage): void {
  const target = originForm(request.url ?? '')
  request.url = target.startsWith('/') ? target : `/${target}`
  request.headers.host = 'localhost'
}

/** Upgrades, with what the adapter leaves to others. */
function guarded(listener: UpgradeListener, checkHost: HostCheck, origins: ReadonlySet<string>) {
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy())
    const refusal = refusalOf(request, checkHost, origins)
    if (refusal !== undefined) return refuseUpgrade(socket, request, refusal)
    simplify(request)
    // Two slashes at the start would be the name of a server.
    request.url = `http://localhost${request.url}`
    // Offers of subprotocols are passed over, as are those of extensions.
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

function refuseRequest(response: ServerResponse, { status, message }: Refusal): void {
  response.writeHead(status, {
    connection: 'close',
    'content-type': TEXT,
    'content-length': Buffer.byteLength(message),
  })
  response.end(message)
}

function refuseUpgrade(
  socket: Duplex,
  { method }: IncomingMessage,
  { status, message }: Refusal,
  allow: string | null = null,
): void {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    `Content-Type: ${TEXT}`,
    `Content-Length: ${Buffer.byteLength(message)}`,
    ...(allow === null ? [] : [`Allow: ${allow}`]),
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : message}`)
}

const TEXT = 'text/plain; charset=utf-8'
