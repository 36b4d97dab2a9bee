/**
 * Listens on a unix socket that nobody but its owner, and root, can connect to: from its first moment it has mode
 * 0600, and where the platform tells who connects, that is looked at as well.
 */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import process from 'node:process'
import { peerUser } from '../../host/ffi/libc.ts'
import { errorCode } from '../../base/os-error-text.ts'
import { openServer } from './listener.ts'
import type { Listener } from './listener.ts'
import { UsageError } from '../../base/usage-error.ts'

/** What is masked out for a mode of 0600. */
const PRIVATE_UMASK = 0o177

export async function openUnixListener(path: string): Promise<Listener> {
  const { server, accept } = await openOrReplace(path)
  // A default ACL of the directory goes before the mask.
  chmodSync(path, 0o600)
  const own = identity(path)
  // Not by closing the server, which would remove whatever has come to stand there.
  const remove = (): void => void (own !== undefined && identity(path) === own && unlinkSync(path))
  process.once('exit', remove)
  return {
    url: `unix:${path}`,
    accept: (take) => accept((socket) => (mayConnect(socket) ? take(socket) : turnAway(socket))),
    close: () => {
      remove()
      accept((socket) => socket.destroy())
      server.unref()
    },
  }
}

async function openOrReplace(path: string): ReturnType<typeof openServer> {
  try {
    return await openPrivately(path)
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE') throw error
    await removeStale(path)
    return openPrivately(path)
  }
}

/** The socket is made within `listen`, before anything else can run. */
function openPrivately(path: string): ReturnType<typeof openServer> {
  return openServer((server) => {
    const before = process.umask(PRIVATE_UMASK)
    try {
      server.listen(path)
    } finally {
      process.umask(before)
    }
  })
}

/** Removes a socket that its server has left behind. */
async function removeStale(path: string): Promise<void> {
  const found = identity(path)
  if (found === undefined) throw new UsageError(`Error: cannot listen on ${path}: it exists and is not a socket`, 1)
  if (await hasListener(path)) throw new UsageError(`Error: cannot listen on ${path}: it is in use`, 1)
  // Another server may have been quicker, and this one its own.
  if (identity(path) === found) unlinkSync(path)
}

/** Tells one socket from another at the same path; absent for anything else. */
function identity(path: string): string | undefined {
  const stat: BigIntStats | undefined = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return stat?.isSocket() === true ? `${stat.dev}:${stat.ino}:${stat.birthtimeNs}` : undefined
}

function hasListener(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // Whatever else is in the way, such as its mode, says nothing of a server that is gone.
    socket.on('error', (error) => resolve(errorCode(error) !== 'ECONNREFUSED'))
  })
}

/** Where the platform does not tell who it is, the mode of the socket has let nobody else connect. */
function mayConnect(socket: Socket): boolean {
  const fd = (socket as { _handle?: { fd?: number } })._handle?.fd
  const user = fd === undefined ? undefined : peerUser(fd)
  return user === undefined || user === 0 || user === process.geteuid?.()
}

function turnAway(socket: Socket): void {
  socket.on('error', () => {})
  socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  socket.resume()
}
