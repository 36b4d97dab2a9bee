/** A way to our server on which it tells nothing of its extensions: to a client it is like one of Codex's. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import type { RawData } from 'ws'
import { atEnd } from '../../support/scope.ts'

/** Bytes that may wait for one side before the other is not read: the relay hides nobody's slowness. */
const QUEUE = 256 * 1024

export async function startPlainRelay(serverUrl: string): Promise<{ url: string; close(): void }> {
  const relay = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  const sockets = new Set<WebSocket>()
  relay.on('connection', (client) => {
    const server = new WebSocket(serverUrl, { perMessageDeflate: false })
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.terminate()
      })
      from.on('message', (data) => {
        if (to.bufferedAmount > QUEUE) from.pause()
        to.send(from === server ? silenced(data) : data.toString(), () => from.resume())
      })
    }
    client.pause()
    server.once('open', () => client.resume())
  })
  await once(relay, 'listening')
  const close = (): void => {
    relay.close()
    for (const socket of sockets) socket.terminate()
  }
  relay.once('close', atEnd(close))
  return {
    url: `ws://127.0.0.1:${(relay.address() as AddressInfo).port}`,
    close,
  }
}

function silenced(data: RawData): string {
  const text = data.toString()
  return text.length < 10_000 ? text.replace(/,"extensions":\[[^\]]*\]/, '') : text
}
