/** A socket of the runtime as the core uses it: read by pulling, so that nothing piles up. */
import type { Socket } from 'node:net'
import type { NetSocket } from '../../core/net/net-host.ts'
import { reasonOf } from '../../base/os-error-text.ts'
import { NET_KEEPALIVE_MS } from '../limits.ts'

/** Wraps a connected socket that allows half-open connections. From now on only the result may be used. */
export function netSocket(socket: Socket): NetSocket {
  const { remoteAddress, remotePort } = socket
  const isTcp = remoteAddress !== undefined && remotePort !== undefined
  if (isTcp) {
    socket.setNoDelay(true)
    // A peer that has vanished would hold the connection, and its share of the limits, for ever.
    socket.setKeepAlive(true, NET_KEEPALIVE_MS)
  }
  let hasEnded = false
  let failure: Error | undefined
  let wake = (): void => {}
  const { promise: closed, resolve } = Promise.withResolvers<Error | undefined>()
  socket.on('readable', () => wake())
  socket.on('end', () => {
    hasEnded = true
    wake()
  })
  socket.on('error', (error) => (failure ??= new Error(reasonOf(error), { cause: error })))
  socket.on('close', () => {
    wake()
    resolve(failure)
  })
  return {
    remote: isTcp ? { address: remoteAddress, port: remotePort } : undefined,
    async read() {
      for (;;) {
        const bytes = socket.read() as Buffer | null
        if (bytes !== null) return bytes
        if (hasEnded) return undefined
        if (socket.destroyed) throw failure ?? new Error('the connection was closed')
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
    write: (bytes, done) => void socket.write(bytes, (error) => (error ? undefined : done())),
    end: () => void socket.end(),
    close: () => {
      if (isTcp) socket.resetAndDestroy()
      else socket.destroy()
    },
    closed,
  }
}
