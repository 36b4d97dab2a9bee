/** Listens where the policy allows. */
import { realpathSync } from 'node:fs'
import { createServer, isIP } from 'node:net'
import type { ListenOptions, Server } from 'node:net'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'
import type { NetListener, NetSocket } from '../../core/net/net-host.ts'
import type { NetTarget } from '../../protocol/schemas/net.ts'
import { invalidParams, RpcError } from '../../protocol/wire/errors.ts'
import type { ForwardPolicy } from './forward-policy.ts'
import { netFailure, refusal } from './net-errors.ts'
import { netSocket } from './net-socket.ts'

/** A unix socket is for this user only, as on loopback no other program can be kept out. */
const SOCKET_UMASK = 0o177

/**
 * Listens, and calls `accept` with each connection.
 * @throws RpcError
 */
export async function listenOn(
  target: NetTarget,
  policy: ForwardPolicy,
  accept: (socket: NetSocket) => void,
): Promise<NetListener> {
  const server = createServer({ allowHalfOpen: true }, (socket) => accept(netSocket(socket)))
  try {
    await listening(server, addressOf(target, policy))
  } catch (error) {
    if (error instanceof RpcError) throw error
    throw netFailure(target, error)
  }
  // An accept that fails, out of descriptors for example, is tried again by the runtime.
  server.on('error', () => {})
  const at = server.address()
  return {
    local: typeof at === 'object' && at !== null ? { address: at.address, port: at.port } : undefined,
    close: () => void server.close(),
  }
}

/** @throws RpcError if the policy does not allow it */
function addressOf(target: NetTarget, policy: ForwardPolicy): ListenOptions {
  if ('path' in target) {
    const path = join(realpathSync(dirname(target.path)), basename(target.path))
    if (!policy.allowsSocket(path)) throw refusal('listening on', target)
    return { path }
  }
  const host = target.host.toLowerCase() === 'localhost' ? '127.0.0.1' : target.host
  if (isIP(host) === 0) throw invalidParams('host: expected localhost or an IP address to listen on')
  if (!policy.allowsListening(host)) throw refusal('listening on', target)
  return { host, port: target.port, ipv6Only: true }
}

function listening(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    const before = options.path === undefined ? undefined : process.umask(SOCKET_UMASK)
    try {
      // Binds a unix socket before it returns.
      server.listen(options)
    } finally {
      if (before !== undefined) process.umask(before)
    }
  })
}
