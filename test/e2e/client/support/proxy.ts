/** A TCP proxy in front of a server that breaks connections as networks do. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { atEnd } from '../../../support/scope.ts'
import { createTextWatcher } from './text-watcher.ts'

export type Proxy = {
  url: string
  /** How many connections were let through so far. */
  readonly connections: number
  /** How many times connections were cut, also by `cutAfter`. */
  readonly cuts: number
  /** Bytes from clients so far, and bytes from the server that `swallowAnswers` dropped. */
  readonly asked: number
  readonly swallowed: number
  /** Resets all connections; the next `refusals` attempts to connect are refused. */
  cut(refusals?: number): void
  /** Cuts after so many more bytes from the server, possibly within a message. */
  cutAfter(bytes: number): void
  /** Cuts, and refuses connections until `up`. */
  down(): void
  up(): void
  /** From now on existing connections drop all data without closing. New ones work. */
  swallow(): void
  /** Drops bytes from the server, but not those to it, until the connection is cut. */
  swallowAnswers(): void
  /** Resolves when this text from the server has been passed on, from now on. */
  passed(text: string): Promise<void>
  close(): void
}

export async function startProxy(serverUrl: string): Promise<Proxy> {
  const { hostname, port, pathname } = new URL(serverUrl)
  const pairs = new Set<{ client: Socket; server: Socket; swallows: boolean; swallowsAnswers: boolean }>()
  const watcher = createTextWatcher()
  let [connections, cuts, asked, swallowed] = [0, 0, 0, 0]
  let refusals = 0
  let cutAfter = Infinity

  const proxy = createServer((client) => {
    if (refusals > 0) {
      refusals--
      return void client.resetAndDestroy()
    }
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
        if (from === client) asked += bytes.length
        if (pair.swallows) return
        if (from === server && pair.swallowsAnswers) return void (swallowed += bytes.length)
        if (from === server && cutAfter !== Infinity) {
          cutAfter -= bytes.length
          if (cutAfter <= 0) {
            to.write(bytes.subarray(0, Math.max(0, bytes.length + cutAfter)), () => cutAll())
            cutAfter = Infinity
            return
          }
        }
        const isTaken = to.write(bytes)
        if (from === server) watcher.see(bytes)
        if (isTaken) return
        from.pause()
        to.once('drain', () => from.resume())
      })
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')

  function cutAll(): void {
    cuts++
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
    get cuts() {
      return cuts
    },
    get asked() {
      return asked
    },
    get swallowed() {
      return swallowed
    },
    cut: (refused = 0) => {
      refusals = refused
      cutAll()
    },
    cutAfter: (bytes) => void (cutAfter = bytes),
    down: () => {
      refusals = Infinity
      cutAll()
    },
    up: () => void (refusals = 0),
    swallow: () => {
      for (const pair of pairs) pair.swallows = true
    },
    swallowAnswers: () => {
      for (const pair of pairs) pair.swallowsAnswers = true
    },
    passed: watcher.passed,
    close,
  }
}
