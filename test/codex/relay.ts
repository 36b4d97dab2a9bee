/** A TCP relay in front of the server, whose connections can be cut. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export type Relay = {
  url: string
  /** How many connections were let through. */
  connections(): number
  /** Ends all connections without a word, and lets nobody through for a while. */
  cut(outageMs?: number): void
  close(): void
}

export async function startRelay(serverUrl: string): Promise<Relay> {
  const { hostname, port, pathname } = new URL(serverUrl)
  const open = new Set<Socket>()
  let connections = 0
  let outageUntil = 0

  const relay = createServer((client) => {
    if (Date.now() < outageUntil) return client.destroy()
    connections++
    const server = connect(Number(port), hostname)
    const pair = [client, server]
    for (const socket of pair) {
      open.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        for (const side of pair) open.delete(side.destroy())
      })
    }
    client.pipe(server).pipe(client)
    return undefined
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')

  const cutAll = (): void => {
    for (const socket of open) socket.resetAndDestroy()
  }
  return {
    url: `ws://127.0.0.1:${(relay.address() as AddressInfo).port}${pathname === '/' ? '' : pathname}`,
    connections: () => connections,
    cut: (outageMs = 0) => {
      outageUntil = Date.now() + outageMs
      cutAll()
    },
    close: () => {
      relay.close()
      cutAll()
    },
  }
}
