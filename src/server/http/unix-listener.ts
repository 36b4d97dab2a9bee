/**
 * Listens on a unix socket that only its owner and root can connect to: it is created with mode 0600, and where the
 * platform reports the peer's user id, that is checked as well.
 */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import process from 'node:process'
import { peerCredentials } from '../../host/ffi/libc.ts'
import { descriptorOf } from '../../host/node-internals.ts'
import { isConfined } from '../../host/peer/confined-peer.ts'
import { errorCode } from '../../base/os-error-text.ts'
import { openServer } from './listener.ts'
import type { Listener } from './listener.ts'
import { UsageError } from '../../base/usage-error.ts'

/** Umask that yields mode 0600. */
const PRIVATE_UMASK = 0o177

/**
 * Listens on `path`, replacing a stale socket there. Removes the socket on close and at exit.
 * @throws {UsageError} if the path is in use or not a socket; else the operating system's error
 */
export async function openUnixListener(path: string): Promise<Listener> {
  const { server, accept } = await openOrReplace(path)
  // A default ACL of the directory overrides the umask.
  chmodSync(path, 0o600)
  const own = identity(path)
  // Not by closing the server, which would unlink whatever is at the path by then.
  const remove = (): void => void (own !== undefined && identity(path) === own && unlinkSync(path))
  process.once('exit', remove)
  return {
    url: `unix:${path}`,
    server,
    accept: (take, onRefused) =>
      accept((socket) => {
        if (mayConnect(socket)) return take(socket)
        onRefused?.({ status: 403, reason: 'user', peer: 'unix', why: REFUSED })
        reject(socket)
      }),
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

/** `listen` creates the socket synchronously, so no other code runs with the changed umask. */
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

/** Removes the socket of a server that no longer runs. */
async function removeStale(path: string): Promise<void> {
  const found = identity(path)
  if (found === undefined) throw new UsageError(`cannot listen on ${path}: it exists and is not a socket`, 1)
  if (await hasListener(path)) throw new UsageError(`cannot listen on ${path}: it is in use`, 1)
  // Another server may have replaced it with its own socket in the meantime.
  if (identity(path) === found) unlinkSync(path)
}

/** Identifies the socket at a path, to detect that it was replaced; undefined for anything but a socket. */
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
    // Only ECONNREFUSED proves that no server listens; others, such as EACCES, prove nothing.
    socket.on('error', (error) => resolve(errorCode(error) !== 'ECONNREFUSED'))
  })
}

/**
 * Whether the peer is the server's own user or root, and no command that this server has confined. Off Linux no peer is reported, and the socket's mode alone keeps
 * other users out; on Linux, a peer that is not known is rejected.
 */
export function mayConnect(socket: object): boolean {
  if (process.platform !== 'linux') return true
  const fd = descriptorOf(socket)
  const peer = fd === undefined ? undefined : peerCredentials(fd)
  return peer !== undefined && (peer.user === 0 || peer.user === process.geteuid?.()) && !isConfined(peer.pid)
}

/** The body of the refusal. */
const REFUSED = 'this socket lets in the user of the server and root only, and no command that the server has confined'

function reject(socket: Socket): void {
  socket.on('error', () => {})
  const head = ['HTTP/1.1 403 Forbidden', 'Connection: close', `Content-Length: ${REFUSED.length}`]
  socket.end(`${head.join('\r\n')}\r\n\r\n${REFUSED}`)
  socket.resume()
}
