/** Connects to where the policy allows. */
import { lookup as resolve } from 'node:dns'
import type { LookupAddress, LookupOptions } from 'node:dns'
import { connect, isIP } from 'node:net'
import type { NetConnectOpts, Socket } from 'node:net'
import type { NetSocket } from '../../core/net/net-host.ts'
import type { NetTarget } from '../../protocol/schemas/net.ts'
import { RpcError } from '../../protocol/wire/errors.ts'
import type { ForwardPolicy } from './forward-policy.ts'
import { netFailure, refusal } from './net-errors.ts'
import { netSocket } from './net-socket.ts'
import { openUnixSocket } from './unix-socket.ts'

/** The addresses of `localhost`, whatever the machine's files say: servers listen on either. */
const LOCALHOST: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

const DENIED = 'connecting to'

/**
 * Connects. Settles when the connection is open, or `signal` is aborted.
 * @throws RpcError
 */
export async function connectTo(target: NetTarget, policy: ForwardPolicy, signal: AbortSignal): Promise<NetSocket> {
  try {
    if ('host' in target) return await opened(connect(tcpOptions(target, policy)), signal)
    const found = openUnixSocket(target.path)
    try {
      if (!policy.allowsSocket(found.realPath)) throw refusal(DENIED, target)
      return await opened(connect({ path: found.path, allowHalfOpen: true }), signal)
    } finally {
      found.close()
    }
  } catch (error) {
    if (error instanceof RpcError) throw error
    throw netFailure(target, error)
  }
}

function tcpOptions(target: { host: string; port: number }, policy: ForwardPolicy): NetConnectOpts {
  const { host, port } = target
  if (isIP(host) !== 0 && !policy.allows(host, host)) throw refusal(DENIED, target)
  /** Resolves a name to the addresses that the policy allows. */
  const lookup = (
    name: string,
    options: LookupOptions,
    done: (error: Error | null, found: string | LookupAddress[], family?: number) => void,
  ): void => {
    const found = (error: Error | null, addresses: readonly LookupAddress[]): void => {
      if (error !== null) return done(error, '')
      const allowed = addresses.filter(({ address }) => policy.allows(host, address))
      const [first] = allowed
      if (first === undefined) return done(refusal(DENIED, target), '')
      if (options.all === true) done(null, allowed)
      else done(null, first.address, first.family)
    }
    if (name.toLowerCase() === 'localhost') found(null, LOCALHOST)
    else resolve(name, { ...options, all: true }, found)
  }
  return { host, port, lookup, allowHalfOpen: true, autoSelectFamily: true }
}

function opened(socket: Socket, signal: AbortSignal): Promise<NetSocket> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      socket.destroy()
      reject(signal.reason as Error)
    }
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort)
      socket.off('error', reject)
      resolve(netSocket(socket))
    })
  })
}
