/** `forward`: what connects to this machine is connected to the devbox. */
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { DisconnectedError, messageOf } from '../../../client/base/errors.ts'
import type { ConnectTarget, RemoteConnection } from '../../../client/base/types.ts'
import { CONNECT_MS } from '../base/limits.ts'
import { printStderr } from '../io/stderr.ts'
import { shownEndpoint } from './forward-spec.ts'
import type { Endpoint, Forward } from './forward-spec.ts'
import type { HeldDevbox } from './held-devbox.ts'
import { joinConnection, resetSocket } from './join-connection.ts'
import { listenHere } from './local-endpoint.ts'

/** An active forward. */
export type ActiveForward = {
  /** `FROM -> TO`, with the real port. */
  name: string
  close(): void
}

/**
 * Starts to forward.
 * @throws {CommandError} if it cannot listen
 */
export async function forwardFromHere(devbox: HeldDevbox, { listen, target }: Forward): Promise<ActiveForward> {
  const sockets = new Set<Socket>()
  const shown = shownEndpoint(target)
  let lastFailure: string | undefined

  /** Says why connections fail, once: programs try again and again. */
  function failed(error: unknown): void {
    const message = messageOf(error)
    if (message !== lastFailure) printStderr(`cannot forward to ${shown} on the devbox: ${message}`)
    lastFailure = message
  }

  async function accept(socket: Socket): Promise<void> {
    sockets.add(socket)
    const gone = new AbortController()
    socket.on('error', () => {})
    socket.once('close', () => {
      sockets.delete(socket)
      gone.abort(new Error('the connection was closed'))
    })
    const giveUp = setTimeout(
      () => gone.abort(new Error(`the devbox has not answered for ${CONNECT_MS / 1000} s`)),
      CONNECT_MS,
    )
    try {
      const remote = await connectThere(gone.signal)
      lastFailure = undefined
      clearTimeout(giveUp)
      await joinConnection(socket, remote)
    } catch (error) {
      if (!socket.destroyed) failed(error)
      resetSocket(socket)
    } finally {
      clearTimeout(giveUp)
    }
  }

  /** Connects, again if the connection to the devbox was lost meanwhile: nothing was sent yet. */
  async function connectThere(signal: AbortSignal): Promise<RemoteConnection> {
    for (;;) {
      const client = await devbox.client(signal)
      try {
        return await client.connect(targetThere(target), { signal })
      } catch (error) {
        if (!(error instanceof DisconnectedError)) throw error
        // The devbox is given up in a later turn.
        await setImmediate()
      }
    }
  }

  const listener = await listenHere(listen, (socket) => void accept(socket))
  return {
    name: `${shownEndpoint(listener.endpoint)} -> ${shown} on the devbox`,
    close: () => {
      listener.close()
      for (const socket of sockets) resetSocket(socket)
    },
  }
}

/** As the client library takes it. */
export const targetThere = (endpoint: Endpoint): ConnectTarget => {
  if ('path' in endpoint) return endpoint
  const { host, port } = endpoint
  return host === undefined ? port : { host, port }
}
