/** The HTTP routes: health checks for everyone, metrics and the WebSocket upgrade for authenticated clients. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { Hono } from 'hono'
import type { Context, MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import type { Authenticator } from '../auth/authenticator.ts'
import { CONFINED, GONE } from '../auth/peer-check.ts'
import type { PeerCheck } from '../auth/peer-check.ts'
import type { OnRefused } from '../telemetry/refusals.ts'
import { peerName } from './peer-name.ts'
import { METRICS_TYPE } from '../telemetry/metrics.ts'

/** The last handler of the WebSocket route: performs the upgrade. */
export type Upgrade = MiddlewareHandler

/** A key that `ws` accepts. The reference does not validate it, but every client sends a valid one. */
const KEY = /^[+/0-9A-Za-z]{22}==$/

/** What the app is assembled from. `isReady` decides between 200 and 503 at `/readyz`. */
export type AppParts = {
  upgrade: Upgrade
  authenticator: Authenticator
  checkPeer: PeerCheck
  metrics: () => string
  isReady: () => boolean
  onRefused: OnRefused
  /** Answers requests to `/mcp`, once they are authenticated. Absent: there is no such path. */
  mcp?: ((request: Request, socket: Socket) => Promise<Response>) | undefined
  /** Origins of web pages whose requests to `/mcp` are answered; those of others are refused before. */
  origins?: readonly string[]
}

/**
 * Creates the Hono app: `/readyz`, `/healthz`, `/metrics`, `/mcp`, and the WebSocket at `/` or the authenticator's
 * prefix.
 */
export function createApp({
  upgrade,
  authenticator,
  checkPeer,
  metrics,
  isReady,
  onRefused,
  mcp,
  origins = [],
}: AppParts): Hono {
  const app = new Hono()
  const authorize = authorizeWith(authenticator, checkPeer, onRefused)

  app.get('/readyz', (context) => (isReady() ? context.body(null, 200) : context.text('draining', 503)))
  app.get('/healthz', (context) => context.body(null, 200))
  for (const path of ['/readyz', '/healthz']) {
    app.all(path, (context) => context.body(null, 405, { allow: 'GET,HEAD' }))
  }

  for (const prefix of new Set(['', authenticator.prefix])) {
    app.get(`${prefix}/metrics`, authorize, (context) => context.body(metrics(), 200, { 'content-type': METRICS_TYPE }))
    app.all(`${prefix}/metrics`, (context) => context.body(null, 405, { allow: 'GET,HEAD' }))
    if (mcp !== undefined) {
      app.use(`${prefix}/mcp`, cors({ origin: [...origins], exposeHeaders: ['mcp-session-id'] }))
      app.all(`${prefix}/mcp`, authorize, (context) => mcp(context.req.raw, socketOf(context)))
    }
  }

  // With a token in the path, `/` remains so that it can answer 401 with the reason.
  for (const path of new Set(['/', authenticator.prefix || '/'])) {
    app.get(path, refuseOtherThanUpgrade, authorize, upgrade)
    app.all(path, (context) => context.text('Request method must be GET', 405, { allow: 'GET' }))
  }
  app.notFound((context) => context.body(null, 404))
  return app
}

const socketOf = ({ env }: Context): Socket => (env as { incoming: IncomingMessage }).incoming.socket

/** Middleware that answers 401 to unauthenticated requests, and 403 to those of peers that may not connect. */
function authorizeWith(authenticator: Authenticator, checkPeer: PeerCheck, onRefused: OnRefused): MiddlewareHandler {
  return async (context, next) => {
    // Read from the Node request: the adapters drop empty headers.
    const { headers, socket } = (context.env as { incoming: IncomingMessage }).incoming
    const { authorization } = headers
    const refusal = await authenticator.authenticate({ authorization, token: context.req.param('token') })
    if (refusal !== undefined) {
      onRefused({ status: 401, reason: 'token', peer: peerName(socket), why: refusal })
      return context.text(refusal, 401)
    }
    const foreign = await checkPeer(socket)
    if (foreign !== undefined) {
      const reason = foreign === CONFINED ? 'confined' : 'user'
      if (foreign !== GONE) onRefused({ status: 403, reason, peer: peerName(socket), why: foreign })
      return context.text(foreign, 403)
    }
    await next()
    return undefined
  }
}

const refuseOtherThanUpgrade: MiddlewareHandler = async (context: Context, next) => {
  const header = (name: string): string => context.req.header(name) ?? ''
  const connection = header('connection')
    .toLowerCase()
    .split(',')
    .map((option) => option.trim())
  if (!connection.includes('upgrade'))
    return context.text('this is a WebSocket endpoint: Connection must be upgrade', 400)
  if (header('upgrade').toLowerCase() !== 'websocket') return context.text('Upgrade must be websocket', 400)
  if (header('sec-websocket-version') !== '13') return context.text('Sec-WebSocket-Version must be 13', 400)
  if (header('sec-websocket-key') === '') return context.text('Sec-WebSocket-Key is missing', 400)
  if (!KEY.test(header('sec-websocket-key'))) return context.text('Sec-WebSocket-Key must be 16 bytes in base64', 400)
  await next()
  return undefined
}
