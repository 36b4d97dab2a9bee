/** A TCP proxy in front of a server, that does to its connections what networks do. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { atEnd } from '../../support/scope.ts'

export type Proxy = {
  url: string
  /** How many connections were let through so far. */
  readonly connections: number
  /** Ends all connections without a word. With `outageMs` nobody is let through for so long. */
  cut(outageMs?: number): void
  /** Cuts after so many more bytes from the server: in the middle of whatever that is. */
  cutAfter(bytes: number): void
  /** From now on nothing goes through the connections that are there, and nobody is told. New ones work. */
  swallow(): void
  /** Bytes to the server are let through and bytes from it are not, until the connection is cut. */
  swallowAnswers(): void
  close(): void
}

export async function startProxy(serverUrl: string): Promise<Proxy> {
  const { hostname, port, pathname } = new URL(serverUrl)
  const pairs = new Set<{ client: Socket; server: Socket; swallows: boolean; swallowsAnswers: boolean }>()
  let connections = 0
  let outageUntil = 0
  let cutAfter = Infinity

  const proxy = createServer((client) => {
    if (Date.now() < outageUntil) return void client.resetAndDestroy()
    connections++
    const server = connect(Number(port), hostname)
    const pair = { client, server, swallows: false, swallowsAnswers: false }
    pairs.add(pair)
    const end = (): void => {
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true)
      from.on('error', () => {})
      from.on('close', () => !pair.swallows && end())
      from.on('data', (bytes: Buffer) => {
        if (pair.swallows || (from === server && pair.swallowsAnswers)) return
        if (from === server && cutAfter !== Infinity) {
          cutAfter -= bytes.length
          if (cutAfter <= 0) {
            to.write(bytes.subarray(0, Math.max(0, bytes.length + cutAfter)), () => cutAll())
            cutAfter = Infinity
            return
          }
        }
        if (to.write(bytes)) return
        from.pause()
        to.once('drain', () => from.resume())
      })
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')

  function cutAll(): void {
    for (const { client, server } of pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
    pairs.clear()
  }
  const close = (): void => {
    proxy.close()
    cutAll()
  }
  proxy.once('close', atEnd(close))
  return {
    url: `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}${pathname === '/' ? '' : pathname}`,
    get connections() {
      return connections
    },
    cut: (outageMs = 0) => {
      outageUntil = Date.now() + outageMs
      cutAll()
    },
    cutAfter: (bytes) => void (cutAfter = bytes),
    swallow: () => {
      for (const pair of pairs) pair.swallows = true
    },
    swallowAnswers: () => {
      for (const pair of pairs) pair.swallowsAnswers = true
    },
    close,
  }
}
