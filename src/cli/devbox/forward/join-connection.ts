/** Joins a socket of this machine with a connection of the devbox. */
import type { Socket } from 'node:net'
import type { RemoteConnection } from '../../../client/base/types.ts'

/** Resets a connection: what was on its way is void. */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return
  // A unix socket has no reset.
  if (socket.remoteAddress === undefined) socket.destroy()
  else socket.resetAndDestroy()
}

/**
 * Passes data both ways until both have ended. Each way ends by itself; what breaks off on one side is reset on the
 * other. Never rejects.
 */
export async function joinConnection(socket: Socket, remote: RemoteConnection): Promise<void> {
  socket.setNoDelay(true)
  socket.on('error', () => {})
  try {
    await Promise.all([toRemote(socket, remote), toSocket(remote, socket)])
  } catch {
    resetSocket(socket)
    await remote.close()
  }
}

async function toRemote(socket: Socket, { writable }: RemoteConnection): Promise<void> {
  const writer = writable.getWriter()
  // A socket that says nothing would not notice that the other side has broken off.
  const broken = writer.closed.then(() => new Promise<never>(() => {}))
  const passed = (async () => {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) await writer.write(chunk as Buffer)
    await writer.close()
  })()
  await Promise.race([passed, broken])
}

async function toSocket({ readable }: RemoteConnection, socket: Socket): Promise<void> {
  for await (const chunk of readable) {
    if (!socket.write(chunk)) await drained(socket)
    if (socket.destroyed) throw new Error('the connection is closed')
  }
  socket.end()
}

/** Settles when the socket takes more, or is closed. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      socket.off('drain', settle)
      socket.off('close', settle)
      resolve()
    }
    socket.on('drain', settle)
    socket.on('close', settle)
  })
}
