/** Sends one request to the program behind a preview, on a connection of its own. */
import { request as httpRequest } from 'node:http'
import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import type { Place } from './place.ts'

/** The bounds of one request. */
export type PreviewBounds = { responseMs: number; idleMs: number; headBytes: number }

/** What is sent: the method, and all headers, names and values alternating. */
export type Question = { method: string; headers: string[] }

/**
 * Writes the request's head. A connection on which nothing moves for `idleMs` is cut off.
 * @throws {Error} if the path has characters that HTTP forbids
 */
export function askProgram(
  socket: Socket,
  { path }: Place,
  { method, headers }: Question,
  { idleMs, headBytes }: PreviewBounds,
): ClientRequest {
  socket.setKeepAlive(true)
  socket.setTimeout(idleMs, () => socket.destroy())
  return httpRequest({ createConnection: () => socket, method, path, headers, maxHeaderSize: headBytes })
}
