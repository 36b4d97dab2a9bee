import type { Socket } from 'node:net'

/**
 * Bytes that the operating system has not accepted yet, from libuv's write queue: the stream itself reports only
 * completed writes. Always 0 on Deno, which has no such counter; there a peer that reads a large write slowly can
 * be mistaken for a dead one.
 */
export function pendingWriteBytes(socket: Socket): number {
  return (socket as { _handle?: { writeQueueSize?: number } })._handle?.writeQueueSize ?? 0
}
