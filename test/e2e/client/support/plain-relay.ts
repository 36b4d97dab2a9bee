/** A way to our server on which it tells nothing of its extensions: to a client it is like one of Codex's. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { atEnd } from '../../../support/scope.ts'
import { createPassages } from './passages.ts'

/** Bytes that may wait for one side before the other is not read: the relay hides nobody's slowness. */
const QUEUE = 256 * 1024

export type PlainRelay = {
  url: string
  /** Bytes of the server that were passed on so far. */
  readonly said: number
  /** Settles when the server has said this, from now on, and it has been passed on. */
  passed(text: string): Promise<void>
  close(): void
}

export async function startPlainRelay(serverUrl: string): Promise<PlainRelay> {
  const passages = createPassages()
  const relay = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  const sockets = new Set<WebSocket>()
  let said = 0
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
        const text = data.toString()
        to.send(from === server ? silenced(text) : text, () => from.resume())
        if (from === client) return
        said += text.length
        passages.see(text)
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
    get said() {
      return said
    },
    passed: passages.passed,
    close,
  }
}

function silenced(text: string): string {
  return text.length < 10_000 ? text.replace(/,"extensions":\[[^\]]*\]/, '') : text
}
