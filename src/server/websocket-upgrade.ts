/**
 * The one file that knows @hono/node-ws. It takes the upgrade through the Hono app and hands out the `ws`
 * socket behind Hono's, because Hono's has no queue length, no pause and no text frames from bytes.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { createNodeWebSocket } from '@hono/node-ws'
import type { Hono } from 'hono'
import type { WebSocket } from 'ws'
import type { Limits } from '../core/limits.ts'
import type { Upgrade } from './app.ts'

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>

/** What `ws` takes for a key; the reference does not look at it, and every client sends a good one. */
const KEY = /^[+/0-9A-Za-z]{22}==$/

/** An HTTP server for the app, whose upgrades end in `onSocket`. */
export function createUpgradeServer(
  limits: Limits,
  makeApp: (upgrade: () => Upgrade) => Hono,
  onSocket: (websocket: WebSocket, socket: Socket) => void,
): Server {
  const app = makeApp(() => upgrade)
  const { injectWebSocket, upgradeWebSocket, wss } = createNodeWebSocket({ app })
  const upgrade: Upgrade = upgradeWebSocket((context) => ({
    onOpen: (_, { raw }) => onSocket(raw as WebSocket, (context.env as { incoming: IncomingMessage }).incoming.socket),
  }))
  // Compression stays off: it is never negotiated, whatever the client offers.
  Object.assign(wss.options, { maxPayload: limits.messageBytes, closeTimeout: limits.closeTimeoutMs, clientTracking: false })

  const server = createServer(getRequestListener(app.fetch))
  injectWebSocket({ on: (_: 'upgrade', listener: UpgradeListener) => server.on('upgrade', guarded(listener)) } as unknown as Server)
  return server
}

/** Keeps from the adapter what it cannot handle: it would leave such a request waiting, or the process dead. */
function guarded(listener: UpgradeListener) {
  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy())
    if (request.method !== 'GET') return refuse(socket, '405 Method Not Allowed')
    if (!KEY.test(request.headers['sec-websocket-key'] ?? '')) return refuse(socket, '400 Bad Request')
    // The adapter drops empty headers, and any Origin at all is to be seen.
    if (request.headers.origin === '') request.headers.origin = 'null'
    // Offers of subprotocols are passed over, as are those of extensions.
    delete request.headers['sec-websocket-protocol']
    // The adapter builds a URL of what the client sent, and fails on some.
    request.url = `/${(request.url ?? '').replace(/^[^/]*\/*/, '')}`
    listener(request, socket, head).catch(() => socket.destroy())
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
