/** Connects to a port of this machine's loopback addresses, and of no other. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { errorCode } from '../../base/os-error-text.ts'

/** IPv4 first, as most programs listen there. */
const ADDRESSES = ['127.0.0.1', '::1']

/** Which addresses may be connected to, and how long each may take, in ms. */
export type LoopbackOptions = { allows: (address: string) => boolean; timeoutMs: number }

/** The port could not be connected to. `code` is the system's, or `ETIMEDOUT`, or `EACCES` where rules forbid it. */
export class LoopbackError extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

/**
 * Tries the addresses one after the other.
 * @throws {LoopbackError} with the reason of the first address that is allowed
 */
export async function connectLoopback(port: number, { allows, timeoutMs }: LoopbackOptions): Promise<Socket> {
  let reason: LoopbackError | undefined
  for (const host of ADDRESSES.filter(allows)) {
    try {
      return await connectTo(host, port, timeoutMs)
    } catch (error) {
      reason ??= error as LoopbackError
    }
  }
  throw reason ?? new LoopbackError('EACCES')
}

function connectTo(host: string, port: number, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true })
    const fail = (code: string): void => {
      socket.destroy()
      reject(new LoopbackError(code))
    }
    const timer = setTimeout(fail, timeoutMs, 'ETIMEDOUT')
    const onError = (error: Error): void => {
      clearTimeout(timer)
      fail(errorCode(error) ?? 'EIO')
    }
    socket.once('error', onError)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', onError)
      // Whatever uses it adds handlers of its own; without one an error would end the server.
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}
