import type { Socket } from 'node:net'

/**
 * Bytes that the operating system has not taken yet. The stream itself learns only when all of a write has been taken, and Deno
 * tells no more: a slow reader of much is taken for dead there.
 */
export function untaken(socket: Socket): number {
  return (socket as { _handle?: { writeQueueSize?: number } })._handle?.writeQueueSize ?? 0
}
