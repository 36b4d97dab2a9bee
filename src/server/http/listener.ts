/**
 * The listening socket alone. It is opened, and its URL printed, before the rest of the server is loaded;
 * connections that arrive in between are queued.
 */
import net, { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { listenUrl } from './listen-url.ts'
import type { OnRefused } from '../telemetry/refusals.ts'

/** A listening socket that queues connections until `accept` is called. Sockets are delivered paused. */
export type Listener = {
  url: string
  /** For checks of the runtime; see `accept` for its connections. Undefined: it dials out. */
  server?: Server
  /** Passes queued and future connections to `take`. Those that the listener itself refuses go to `onRefused`. */
  accept(take: (socket: Socket) => void, onRefused?: OnRefused): void
  /** Stops accepting connections. */
  close(): void
}

/** Length of the kernel's accept queue: Node's default. */
const BACKLOG = 511

/** Not in Node 25, nor on Deno. */
const { BoundSocket }: Partial<Pick<typeof net, 'BoundSocket'>> = net

/**
 * Listens on a literal address. Given an address, `server.listen` would resolve it as a name, which costs 10 of the 40
 * ms until the URL is printed: it loads the resolver. A socket that is already bound needs none.
 */
function bind(server: Server, address: string, port: number): void {
  if (BoundSocket === undefined) server.listen(port, address, BACKLOG)
  else server.listen({ handle: new BoundSocket({ host: address, port }), backlog: BACKLOG })
}

/**
 * Listens on a literal IP address; port 0 picks a free one, which `url` then has.
 * `isSecure`: TLS is spoken there.
 * @throws the operating system's error, EADDRINUSE for example
 */
export async function openListener(address: string, port: number, isSecure = false): Promise<Listener> {
  const { server, accept } = await openServer((server) => bind(server, address, port))
  const { port: bound } = server.address() as AddressInfo
  return { url: listenUrl(address, bound, isSecure), server, accept, close: () => void server.close() }
}

/**
 * Starts a net server through `bind` and queues its connections, paused, until `accept` is called.
 * @throws the operating system's error if it cannot listen
 */
export async function openServer(
  bind: (server: Server) => void,
): Promise<{ server: Server; accept: (take: (socket: Socket) => void) => void }> {
  const queue = socketQueue()
  // The options that an HTTP server uses. Queued sockets stay paused, so that none of their data is lost.
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, queue.add)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', resolve)
    bind(server)
  })
  // A failed accept, for lack of file descriptors for example, must not end the server.
  server.on('error', () => {})
  return { server, accept: queue.accept }
}

/** Connections that wait until there is a taker, and then pass. */
function socketQueue() {
  const waiting: Socket[] = []
  let take = (socket: Socket): void => void waiting.push(socket)
  return {
    waiting: waiting as readonly Socket[],
    add: (socket: Socket): void => take(socket),
    accept: (taker: (socket: Socket) => void): void => {
      take = taker
      for (const socket of waiting.splice(0)) take(socket)
    },
    drop: (): void => {
      for (const socket of waiting.splice(0)) socket.destroy()
    },
  }
}

/**
 * Calls `start` at the first connection of a listener, with a listener that has it and all later ones. Until `start` has
 * used that they wait, paused. If it fails, they are dropped and the next connection tries again.
 */
export function whenFirstUsed(
  listener: Pick<Listener, 'accept'>,
  start: (connections: Pick<Listener, 'accept'>) => Promise<void>,
  { onRefused, report }: { onRefused: OnRefused; report: (fault: unknown) => void },
): void {
  const queue = socketQueue()
  const startNow = (): Promise<void> =>
    start(queue).catch((fault: unknown) => {
      queue.drop()
      report(fault)
    })
  listener.accept((socket) => {
    queue.add(socket)
    // It waits alone: it is the first, or those before it were dropped.
    if (queue.waiting.length === 1) void startNow()
  }, onRefused)
}
