/** A WebSocket server that shakes hands and answers as a test wants it to: what a real server would not do. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { atEnd } from '../../../support/scope.ts'

export type Asked = { method: string; params: Record<string, unknown> }
export type Say = {
  /** The result of the request. */
  answer(result: object | null): void
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

export async function startLyingServer(
  serve: (asked: Asked, say: Say) => void,
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
