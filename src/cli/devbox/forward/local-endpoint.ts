/** The ends of forwarded connections on this machine. */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { resolve } from 'node:path'
import process from 'node:process'
import { errorCode, reasonOf } from '../../../base/os-error-text.ts'
import { CommandError } from '../base/command-error.ts'
import { shownEndpoint } from './forward-spec.ts'
import type { Endpoint } from './forward-spec.ts'

/** Listens for this user only, where that is a unix socket. */
const SOCKET_UMASK = 0o177

/** Where is listened now. */
export type LocalListener = { endpoint: Endpoint; close(): void }

/**
 * Listens, and calls `accept` with each connection. Without a host it is on both loopback addresses, as far as there are.
 * @throws {CommandError} with exit code 1
 */
export async function listenHere(endpoint: Endpoint, accept: (socket: Socket) => void): Promise<LocalListener> {
  const open = async (options: { path: string } | { host?: string; port: number }): Promise<Server> => {
    const server = createServer({ allowHalfOpen: true }, accept)
    try {
      await listening(server, options)
    } catch (error) {
      throw cannotListen(endpoint, error)
    }
    // An accept that fails, out of descriptors for example, is tried again by the runtime.
    server.on('error', () => {})
    return server
  }
  if ('path' in endpoint) {
    const path = resolve(endpoint.path)
    const server = await open({ path })
    return { endpoint: { path }, close: () => void server.close() }
  }
  const { host, port } = endpoint
  const isLoopback = host === undefined || host.toLowerCase() === 'localhost'
  const first = await open(host === '*' ? { port } : { host: isLoopback ? '127.0.0.1' : host, port })
  const real = (first.address() as AddressInfo).port
  const second = isLoopback ? await open({ host: '::1', port: real }).catch(ifMissing) : undefined
  return {
    endpoint: { host, port: real },
    close: () => {
      first.close()
      second?.close()
    },
  }
}

/** A machine without IPv6 has no ::1. Another program's ::1 would get what is meant for us. */
function ifMissing(error: unknown): undefined {
  if (error instanceof CommandError && isInUse(error.cause)) throw error
}

const isInUse = (error: unknown): boolean => errorCode(error) === 'EADDRINUSE'

function listening(server: Server, options: { path: string } | { host?: string; port: number }): Promise<void> {
  return new Promise((done, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      done()
    })
    const before = 'path' in options ? process.umask(SOCKET_UMASK) : undefined
    try {
      // Binds a unix socket before it returns.
      server.listen(options)
    } finally {
      if (before !== undefined) process.umask(before)
    }
  })
}

function cannotListen(endpoint: Endpoint, error: unknown): CommandError {
  const hints =
    isInUse(error) && 'port' in endpoint
      ? ['name another port for this side: PORT:TARGET, where 0 is any free one']
      : []
  const failed = new CommandError(`cannot listen on ${shownEndpoint(endpoint)}: ${reasonOf(error)}`, 1, hints)
  failed.cause = error
  return failed
}

/**
 * Connects. Settles when the connection is open.
 * @throws {Error} with the reason
 */
export function connectHere(endpoint: Endpoint): Promise<Socket> {
  return new Promise((done, reject) => {
    const target =
      'path' in endpoint ? { path: resolve(endpoint.path) } : { ...endpoint, host: endpoint.host ?? 'localhost' }
    const socket = connect({ ...target, allowHalfOpen: true })
    socket.once('error', (error) => reject(new Error(reasonOf(firstOf(error)), { cause: error })))
    socket.once('connect', () => done(socket))
  })
}

/** Where several addresses were tried, the error of the first. */
const firstOf = (error: unknown): unknown =>
  error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error
