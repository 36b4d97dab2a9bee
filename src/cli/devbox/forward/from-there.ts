/** `forward -R`: what connects to the devbox is connected to this machine. */
import { setTimeout } from 'node:timers/promises'
import { DisconnectedError, messageOf, RpcError } from '../../../client/base/errors.ts'
import type { ConnectTarget, RemoteConnection, RemoteListener } from '../../../client/base/types.ts'
import { createBackoff } from '../../../base/backoff.ts'
import { CommandError } from '../base/command-error.ts'
import { DEVBOX_RETRY_MAX_MS, DEVBOX_RETRY_MIN_MS } from '../base/limits.ts'
import { printStderr } from '../io/stderr.ts'
import { shownEndpoint } from './forward-spec.ts'
import type { Endpoint, Forward } from './forward-spec.ts'
import { targetThere } from './from-here.ts'
import type { ActiveForward } from './from-here.ts'
import type { HeldDevbox } from './held-devbox.ts'
import { joinConnection } from './join-connection.ts'
import { connectHere } from './local-endpoint.ts'

/**
 * Starts to forward.
 * @throws {CommandError} if the devbox does not listen
 */
export async function forwardFromThere(devbox: HeldDevbox, { listen, target }: Forward): Promise<ActiveForward> {
  const ending = new AbortController()
  const shown = shownEndpoint(target)
  let lastFailure: string | undefined
  let listener: RemoteListener
  try {
    listener = await (await devbox.client(ending.signal)).listen(bindThere(listen))
  } catch (error) {
    throw new CommandError(`cannot listen on ${shownEndpoint(listen)} on the devbox: ${messageOf(error)}`, 1)
  }
  const real: Endpoint = listener.local === undefined ? listen : { ...listen, port: listener.local.port }
  const name = `${shownEndpoint(real)} on the devbox`

  async function accepted(remote: RemoteConnection): Promise<void> {
    try {
      const socket = await connectHere(target)
      lastFailure = undefined
      await joinConnection(socket, remote)
    } catch (error) {
      const message = messageOf(error)
      if (message !== lastFailure) printStderr(`cannot forward to ${shown}: ${message}`)
      lastFailure = message
      await remote.close()
    }
  }

  /** Listens again after a lost connection: the devbox has closed the listener. */
  async function listenAgain(): Promise<RemoteListener> {
    const backoff = createBackoff({ retryMinMs: DEVBOX_RETRY_MIN_MS, retryMaxMs: DEVBOX_RETRY_MAX_MS })
    let said: string | undefined
    for (;;) {
      ending.signal.throwIfAborted()
      try {
        return await (await devbox.client(ending.signal)).listen(bindThere(real), { signal: ending.signal })
      } catch (error) {
        ending.signal.throwIfAborted()
        const message = messageOf(error)
        // The devbox may take a moment to notice that the old connection is gone.
        if (error instanceof RpcError && said !== undefined && said !== message)
          printStderr(`cannot listen on ${name}: ${message}`)
        said = message
      }
      await setTimeout(backoff.failed(), undefined, { signal: ending.signal })
    }
  }

  async function run(): Promise<void> {
    for (;;) {
      try {
        for await (const remote of listener) void accepted(remote)
        return
      } catch (error) {
        if (!(error instanceof DisconnectedError)) throw error
      }
      listener = await listenAgain()
    }
  }

  run().catch((error: unknown) => {
    if (!ending.signal.aborted) printStderr(`${name} is forwarded no more: ${messageOf(error)}`)
  })
  return {
    name: `${name} -> ${shown}`,
    close: () => {
      ending.abort(new Error('the command ends'))
      void listener.close().catch(() => {})
    },
  }
}

/** Where the devbox listens, as the client library takes it. */
function bindThere(endpoint: Endpoint): ConnectTarget {
  if ('host' in endpoint && endpoint.host === '*') return { host: '0.0.0.0', port: endpoint.port }
  return targetThere(endpoint)
}
