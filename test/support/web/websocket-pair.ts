/** Two ends of a WebSocket over loopback, each with the socket that carries it. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { atEnd } from '../scope.ts'

export type WebSocketEnd = { websocket: WebSocket; carrier: Socket }

/** Opens a pair that is closed with the test. `devbox` is the end that has dialled. */
export async function websocketPair(): Promise<{ devbox: WebSocketEnd; accept: WebSocketEnd }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  atEnd(() => server.close())
  await once(server, 'listening')
  const dialled = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    perMessageDeflate: false,
  })
  const upgraded = once(dialled, 'upgrade') as Promise<[IncomingMessage]>
  const [[accepted, { socket }], [response]] = await Promise.all([
    once(server, 'connection') as Promise<[WebSocket, IncomingMessage]>,
    upgraded,
    once(dialled, 'open'),
  ])
  for (const websocket of [dialled, accepted]) {
    websocket.on('error', () => {})
    atEnd(() => websocket.terminate())
  }
  return {
    devbox: { websocket: dialled, carrier: response.socket },
    accept: { websocket: accepted, carrier: socket },
  }
}
