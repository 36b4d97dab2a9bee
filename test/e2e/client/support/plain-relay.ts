/** A relay that hides our server's extensions: to a client the server looks like one of Codex's. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { atEnd } from '../../../support/scope.ts'
import { createTextWatcher } from './text-watcher.ts'

/** Bytes queued for one side before the other is paused: the relay passes backpressure on. */
const QUEUE = 256 * 1024

export type PlainRelay = {
  url: string
  /** Bytes from the server that were passed on so far. */
  readonly forwarded: number
  /** Resolves when this text from the server has been passed on, from now on. */
  passed(text: string): Promise<void>
  close(): void
}

export async function startPlainRelay(serverUrl: string): Promise<PlainRelay> {
  const watcher = createTextWatcher()
  const relay = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  const sockets = new Set<WebSocket>()
  let forwarded = 0
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
        to.send(from === server ? withoutExtensions(text) : text, () => from.resume())
        if (from === client) return
        forwarded += text.length
        watcher.see(text)
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
    get forwarded() {
      return forwarded
    },
    passed: watcher.passed,
    close,
  }
}

function withoutExtensions(text: string): string {
  return text.length < 10_000 ? text.replace(/,"extensions":\[[^\]]*\]/, '') : text
}
