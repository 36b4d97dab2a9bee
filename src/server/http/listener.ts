/**
 * The listening socket by itself. It is opened, and its URL told, before the rest of the server is loaded;
 * whoever connects in between waits for a moment.
 */
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { listenUrl } from './listen-url.ts'

export type Listener = {
  url: string
  /** Hands over those that wait and those that will come. */
  accept(take: (socket: Socket) => void): void
  /** Takes no more. */
  close(): void
}

/** Node's own step behind `listen`, once an address has been resolved. */
type Bindable = { _listen2?: (address: string, port: number, family: 4 | 6, backlog: number) => void }

/** How many connections may wait to be accepted: Node's figure. */
const BACKLOG = 511

/**
 * Listens on a literal address. To look it up as a name costs 10 ms of 40 until the URL is told: the resolver
 * is loaded, and a large regular expression for IPv6 compiled.
 */
function bind(server: Server & Bindable, address: string, port: number): void {
  if (server._listen2 === undefined || address.includes(':')) server.listen(port, address)
  else server._listen2(address, port, 4, BACKLOG)
}

export async function openListener(address: string, port: number): Promise<Listener> {
  const { server, accept } = await openServer((server) => bind(server, address, port))
  return { url: listenUrl(address, (server.address() as AddressInfo).port), accept, close: () => void server.close() }
}

/** A server that keeps those who come until somebody takes them. */
export async function openServer(
  bind: (server: Server) => void,
): Promise<{ server: Server; accept: Listener['accept'] }> {
  const waiting: Socket[] = []
  let accept = (socket: Socket): void => void waiting.push(socket)
  // What an HTTP server asks of its sockets. One that waits is not read, so that nothing it sent is missed.
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => accept(socket))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', resolve)
    bind(server)
  })
  // A connection that could not be accepted, for want of descriptors say, is not the end of the others.
  server.on('error', () => {})
  return {
    server,
    accept: (take) => {
      accept = take
      for (const socket of waiting.splice(0)) take(socket)
    },
  }
}
