/** A WebSocket server that performs the handshake and then behaves as the test says, unlike a real server. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { atEnd } from '../../../support/scope.ts'

/** A request from the client. */
export type ClientRequest = { method: string; params: Record<string, unknown> }
/** How the test responds. */
export type Responder = {
  /** The result of the request. */
  answer(result: object | null): void
  /** Sends a notification. */
  notify(method: string, params: object): void
}

const environmentInfo = {
  shell: { name: 'sh', path: '/bin/sh' },
  cwd: 'file:///',
  tempDir: 'file:///tmp',
  temporaryDirectories: [],
  platformOs: 'linux',
  capabilities: {},
}

/** Starts the server; it is closed at the end of the test. `serve` is called with each request after the handshake. */
export async function startMisbehavingServer(
  serve: (request: ClientRequest, respond: Responder) => void,
): Promise<{ url: string; close(): void }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.on('message', (data: Buffer) => {
      const { id, method, params } = JSON.parse(data.toString())
      const answer = (result: object | null): void => void socket.send(JSON.stringify({ id, result }))
      const notify = (method: string, params: object): void => void socket.send(JSON.stringify({ method, params }))
      if (method === 'initialize') answer({ sessionId: 's', environmentInfo })
      else if (id !== undefined) serve({ method, params }, { answer, notify })
    })
  })
  await once(server, 'listening')
  const close = (): void => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  }
  server.once('close', atEnd(close))
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close,
  }
}
