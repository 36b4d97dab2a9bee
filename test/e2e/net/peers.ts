/** Peers of forwarded connections, and the command that forwards. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, ListenOptions, NetConnectOpts, Server, Socket } from 'node:net'
import { serverCommand } from '../../support/server.ts'
import { atEnd } from '../../support/scope.ts'
import { begin } from '../cli/call.ts'
import type { Started } from '../cli/call.ts'

/** A listener of the test, with its open connections. */
export type Peer = { server: Server; port: number; sockets: Set<Socket> }

/** Listens until the end of the test. A listener without a host is on 127.0.0.1. */
export async function startPeer(serve: (socket: Socket) => void, at: ListenOptions = {}): Promise<Peer> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
    serve(socket)
  })
  server.listen(at.path === undefined ? { host: '127.0.0.1', port: 0, ...at } : at)
  await once(server, 'listening')
  atEnd(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { server, port: (server.address() as AddressInfo | null)?.port ?? 0, sockets }
}

/** Sends back what it gets, and ends when the other side does. */
export const echo = (socket: Socket): void => void socket.pipe(socket)

/** Connects, with each side to be ended by itself. Ends with the test. */
export async function open(target: NetConnectOpts): Promise<Socket> {
  const socket = connect({ ...target, allowHalfOpen: true })
  atEnd(() => socket.destroy())
  await once(socket, 'connect')
  socket.on('error', () => {})
  return socket
}

/** Resolves when a socket is closed: whether by an error. */
export const closing = (socket: Socket): Promise<boolean> =>
  new Promise((resolve) => socket.once('close', (hadError) => resolve(hadError)))

/** Sends a text and the end, and resolves with all that comes back. */
export async function exchange(target: NetConnectOpts, text: string): Promise<string> {
  const socket = await open(target)
  socket.end(text)
  let answer = ''
  for await (const bytes of socket) answer += String(bytes)
  return answer
}

/** Sends so many bytes, reads at the same time until the end, and resolves with both checksums. */
export async function pour(socket: Socket, total: number): Promise<{ sent: string; received: string; bytes: number }> {
  const [sent, received] = [createHash('sha256'), createHash('sha256')]
  const block = Buffer.alloc(1 << 20, 'what is sent comes back as it was')
  const sending = (async () => {
    for (let left = total; left > 0; left -= block.length) {
      const piece = block.subarray(0, left)
      sent.update(piece)
      if (!socket.write(piece)) await once(socket, 'drain')
    }
    socket.end()
  })()
  let bytes = 0
  for await (const piece of socket) {
    received.update(piece as Buffer)
    bytes += (piece as Buffer).length
  }
  await sending
  return { sent: sent.digest('hex'), received: received.digest('hex'), bytes }
}

/** A running `exec-server forward`. */
export type Forwarding = Started & {
  /** Its lines on stdout, one for each forward. */
  lines: string[]
  /** The port where the forward with this index listens. */
  port(index?: number): number
}

/** Starts it, and waits until `count` forwards are there. */
export async function startForward(url: string, args: readonly string[], count = args.length): Promise<Forwarding> {
  const command = begin(serverCommand(['forward', '--url', url, ...args]).flat())
  const lines = (): string[] => command.stdout().split('\n').slice(0, -1)
  while (lines().length < count) {
    const ended = await Promise.race([once(command.child.stdout, 'data'), command.ended])
    if ('code' in ended) throw new Error(`forward ended with ${ended.code}: ${ended.stderr}`)
  }
  const all = lines()
  return Object.assign(command, {
    lines: all,
    port: (index = 0) => Number(/:(\d+)(?: on the devbox)? ->/.exec(all[index] ?? '')?.[1]),
  })
}
