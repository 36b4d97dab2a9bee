/** The user behind a TCP connection, as the kernel has it. Linux only. */
import { fstatSync } from 'node:fs'
import type { Socket } from 'node:net'
import { descriptorOf } from '../node-internals.ts'
import { endpointOf, reversed } from './endpoint.ts'
import type { TcpSocket, Tuple } from './endpoint.ts'
import { findInTables, readTcpTables } from './proc-net-tcp.ts'
import { findByNetlink } from './sock-diag.ts'

/** The user who opened the socket at the other end, and that socket's inode. */
export type TcpPeer = { user: number; inode: number }

/**
 * Why the peer of a connection is not known.
 * - `elsewhere`: this network namespace has no such socket. It is another machine's, or address translation hides it.
 * - `gone`: the connection, or the peer's end of it, has been closed.
 * - `unknown`: the kernel cannot be asked.
 */
export type NoPeer = 'elsewhere' | 'gone' | 'unknown'

/** Looks up a socket by the ends of its connection. */
export type FindSocket = (tuple: Tuple) => TcpSocket | undefined

/** Functions that have found a socket: what they do not find is not there. */
const working = new WeakSet<FindSocket>()

/** Established, and half-closed by the peer, by the kernel's numbers. */
const OPEN_STATES: ReadonlySet<number> = new Set([1, 4, 5])

/**
 * Finds the peer of an accepted connection. The kernel gives a socket that its process has closed to user 0, so only one
 * that is still held counts; and the connection must still be there, as its port may have been reused.
 */
export function findTcpPeer(
  socket: Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>,
  find: FindSocket = findByNetlink,
  readTables = readTcpTables,
): TcpPeer | NoPeer {
  const local = endpointOf(socket.localAddress, socket.localPort)
  const remote = endpointOf(socket.remoteAddress, socket.remotePort)
  if (local === undefined || remote === undefined) return 'gone'
  const ours = { local, remote }
  // The other end first: ours being there afterwards proves that it was of this connection.
  let there = find(reversed(ours))
  let here = find(ours)
  if (here !== undefined) working.add(find)
  else if (!working.has(find)) {
    // Closed, or not to be had by netlink. Reading the tables takes long where there are many sockets.
    const tables = readTables()
    if (tables === '') return 'unknown'
    there = findInTables(tables, reversed(ours))
    here = findInTables(tables, ours)
  }
  if (here === undefined || !isOwn(here, socket)) return 'gone'
  if (there === undefined) return 'elsewhere'
  if (there.inode === 0 || !OPEN_STATES.has(there.state)) return 'gone'
  return { user: there.user, inode: there.inode }
}

/** Whether the kernel's socket is the one that was accepted. Taken for granted where the runtime tells no descriptor. */
function isOwn({ inode }: TcpSocket, socket: object): boolean {
  const fd = descriptorOf(socket)
  return fd === undefined ? inode !== 0 : fstatSync(fd).ino === inode
}
