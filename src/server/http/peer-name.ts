/** Names the peer of a connection, for the log and for messages. */
import type { Socket } from 'node:net'

/** Its address and port. The peer of a unix socket has none. */
export function peerName({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return remoteAddress === undefined ? 'unix' : `${remoteAddress}:${remotePort ?? 0}`
}
